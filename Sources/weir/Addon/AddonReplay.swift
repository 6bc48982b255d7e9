import AddonHost
import Control
import FlowModel
import Glibc
import Logging
import NIOCore
import NIOPosix
import ProxyKernel
import Schema
import TLSEngine

/// `weir addon replay FILE …`: an event that ended an addon's processes is sent to it once more, by itself.
struct AddonReplay {
    /// What was read of the file, and the command line behind it, which is that of `weir`; nil if it is another command, or names an addon
    /// of its own to be driven from the file, or the file has a whole session.
    static func split(_ arguments: [String]) -> (transcript: Result<Transcript, Program.Refusal>, rest: [String])? {
        guard arguments.count >= 3, arguments[0] == "addon", arguments[1] == "replay", !arguments[2].hasPrefix("-"),
            arguments.count == 3 || arguments[3].hasPrefix("-")
        else { return nil }
        let transcript: Result<Transcript, Program.Refusal>
        do {
            let found = try AddonReplaying.read(arguments[2])
            guard found.event != nil else { return nil }
            transcript = .success(found)
        } catch {
            transcript = .failure(Program.Refusal(status: 1, text: "transcript '\(arguments[2])': \(error)"))
        }
        return (transcript, Array(arguments.dropFirst(3)))
    }

    let program: Program
    let transcript: Result<Transcript, Program.Refusal>

    /// Runs the addon as it was run, or the one of `--addon`; prints its answer. The result is the exit status: 1 if there was none.
    func run() async -> Int32 {
        signal(SIGPIPE, SIG_IGN)
        do throws(Program.Refusal) {
            let answer = try await answer()
            Terminal.write(String(decoding: answer.encoded, as: UTF8.self) + "\n", to: STDOUT_FILENO)
            return 0
        } catch {
            Terminal.write("weir: \(error.text)\n", to: STDERR_FILENO)
            return error.status
        }
    }

    private func answer() async throws(Program.Refusal) -> JSON {
        let transcript = try transcript.get()
        let options = try program.options()
        guard let spec = try program.addons(options).first ?? transcript.form.map({ AddonSpec(name: transcript.addon, form: $0) })
        else {
            throw Program.Refusal(
                status: 2, text: "addon '\(transcript.addon)' was not started by the core: name it with --addon")
        }
        let level = Program.level(options.settings[TerminalOptions.table.verbosity])
        let logger = Logger(label: "weir") { _ in TerminalLog(level: level, isQuiet: false, tap: TerminalLog.Tap()) }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let host = AddonHost(
            loops: [loop], hooks: Program.tables.hooks, options: options, logger: logger,
            flows: FlowRegistry(maximumCount: 0, maximumBytes: 0))
        do {
            try await host.launch([spec])
            try await host.start()
        } catch {
            throw Program.Refusal(status: 1, text: "\(error)")
        }
        let result = await host.replay(transcript)
        await host.shutdown()
        do {
            return try result.get()
        } catch {
            throw Program.Refusal(status: 1, text: "addon '\(spec.name)': \(error)")
        }
    }
}
