import AddonHost
import ArgumentParser
import Conformance
import Control
import Glibc
import Schema

/// `weir addon check CMD…`: tries a worker of any language, without a proxy.
struct AddonChecking: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Tries whether a program keeps the addon protocol, without a proxy.",
        discussion:
            "Each line of the table is one case; a case that the program gives no reason to try is 'not used'. Sections are those of Protocol/README.md. Exit statuses: 0, 1 if a case failed, 2 if the program cannot be started or for a wrong argument."
    )
    @Flag(help: "Print the results as JSON.") var json = false
    @ArgumentParser.Option(help: "The rights of its process: trusted, confined or untrusted.") var level = AddonLevel.trusted
        .rawValue
    @ArgumentParser.Option(name: .customLong("set"), help: "Sets an option, NAME=VALUE; may be given several times.")
    var assignments: [String] = []
    @ArgumentParser.Option(help: "Seconds in which each answer is expected. (default: the protocol's own times)") var timeout:
        Double?
    @ArgumentParser.Option(name: .customLong("case"), help: "Only this case; may be given several times. (default: all)")
    var only: [String] = []
    @Flag(help: "Print the cases and what they try, and end.") var list = false
    @Argument(
        parsing: .captureForPassthrough,
        help: "The addon as --addon takes it, or a program and its arguments.") var command: [String] = []

    func run() throws {
        if list {
            let rows = Case.table.map { [$0.name, "\($0.section)", $0.doc] }
            return Terminal.write(TextTable.text([["case", "section", "what it tries"]] + rows), to: STDOUT_FILENO)
        }
        let cases = try chosen()
        let results: [CaseResult]
        let checkup: Checkup
        let spec: AddonSpec
        do {
            let options = try options()
            spec = try AddonSpec.parse(words: command)
            checkup = try self.checkup(spec, options)
            results = try checkup.run(cases)
        } catch let failure as AddonFailure {
            throw FlowFailure(status: 2, failure.description)
        } catch let failure as OptionFailure {
            throw FlowFailure(status: 2, failure.description)
        }
        let report = CheckReport(addon: spec.name, results: results, printed: checkup.printed)
        Terminal.write(json ? report.json : report.text, to: STDOUT_FILENO)
        if report.failures > 0 { throw ExitCode(1) }
    }

    private func chosen() throws -> [Case] {
        let unknown = only.filter { name in !Case.table.contains { $0.name == name } }
        guard unknown.isEmpty else {
            let names = Case.table.map(\.name).joined(separator: ", ")
            throw FlowFailure(status: 2, "expected a case's name (\(names)), found '\(unknown[0])'")
        }
        // Without a handshake there is nothing to try.
        return only.isEmpty ? Case.table : Case.table.filter { only.contains($0.name) || $0.name == Case.table.first?.name }
    }

    private func options() throws -> OptionStore {
        let options = OptionStore(Program.options, scope: AddonOptions.scope)
        try options.assign(
            OptionAssignment.grouped(["\(AddonOptions.table.level.name)=\(level)"], source: "--level")
                + OptionAssignment.grouped(assignments, source: "--set"))
        return options
    }

    private func checkup(_ spec: AddonSpec, _ options: OptionStore) throws -> Checkup {
        if let timeout, !(0.01...3600).contains(timeout) {
            throw FlowFailure(status: 2, "--timeout: expected 0.01 to 3600 seconds, found \(timeout)")
        }
        let hooks = Program.tables.hooks
        return Checkup(
            Checkup.Setting(
                name: spec.name, hooks: hooks, methods: CoreCall.table.map(\.method), options: options,
                patience: timeout.map { Int64($0 * 1000) }
            ) { () throws(AddonFailure) in
                try LoneWorker(spec, settings: options.settings(of: spec.name), hooks: hooks, carriesDescriptors: true)
            })
    }
}
