import AddonHost
import Control
import Logging
import ProxyKernel
import Schema

/// What SIGHUP does: the configuration file is read again, and the addons are loaded anew.
final class Reload {
    private let given: Set<String>
    private let options: OptionStore
    private let host: AddonHost
    private let logger: Logger
    /// What the file said of each option when it was last followed.
    private var followed: [String: JSON]

    init(_ command: WeirCommand, _ options: OptionStore, _ host: AddonHost, _ logger: Logger) {
        given = Set(command.givenOptions.map(\.name))
        (self.options, self.host, self.logger) = (options, host, logger)
        followed = [:]
        followed = (try? read()).map(Self.values) ?? [:]
    }

    func run() async {
        logger.info("reload: reading the configuration again")
        do throws(OptionFailure) {
            let assignments = try read()
            let values = Self.values(assignments)
            for assignment in assignments where values[assignment.name] != followed[assignment.name] {
                await follow(assignment.name, values[assignment.name], assignment.source)
            }
            for name in followed.keys.sorted() where values[name] == nil { await follow(name, nil, "the configuration") }
        } catch {
            logger.error("reload: \(error); all values stay")
        }
        await reloaded()
        logger.info("reload: done")
    }

    /// The files of the addons may have changed as well.
    private func reloaded() async {
        for failure in await host.reloadAll() { logger.error("reload: \(failure); it stays as it was") }
    }

    private func read() throws(OptionFailure) -> [OptionAssignment] {
        try ConfigFile.load(directory: HomePath.expanded(options.settings[ProxyOptions.table.confdir]))
    }

    private static func values(_ assignments: [OptionAssignment]) -> [String: JSON] {
        assignments.reduce(into: [:]) { $0[$1.name] = $1.json }
    }

    /// Makes the file's value the one that holds, or the default where it says nothing any more. What cannot be followed is logged, and
    /// again at the next reload.
    private func follow(_ name: String, _ value: JSON?, _ source: String) async {
        guard !given.contains(name) else { return followed[name] = value }
        guard let option = options.options.first(where: { $0.name == name }), option.reading == .whenUsed else {
            return logger.warning("reload: \(source): \(name) is read at start: start the proxy anew, or upgrade it with SIGUSR2")
        }
        do throws(AddonFailure) {
            try await host.change([name: value ?? option.defaultJSON])
            followed[name] = value
            logger.info("reload: \(name)=\(option.isSecret ? "…" : options.settings.text(option))")
        } catch {
            logger.error("reload: \(source): \(error); its value stays")
        }
    }
}
