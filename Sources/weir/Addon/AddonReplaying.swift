import AddonHost
import ArgumentParser
import Conformance
import Control
import Glibc
import Schema
import TLSEngine

/// `weir addon replay TRANSCRIPT [CMD…]`: drives a worker from a recorded session, without a proxy.
struct AddonReplaying: ParsableCommand {
    /// Bytes of a transcript that is read.
    private static let longest = 256 << 20

    static func read(_ file: String) throws -> Transcript { try Transcript(try FileContents.read(file, atMost: longest)) }

    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Sends a recorded session to an addon, and compares what it answers with what it had answered.",
        discussion:
            "Members that were recorded have to be there, with the same values; others may. A transcript of a single event, which was kept because processes ended over it, is sent to the addon that it came from in the way of weir itself, whose options may follow the file. Exit statuses: 0, 1 if something was different, 2 if the program cannot be started or for a wrong argument."
    )
    @Flag(help: "Let ids and times differ.") var loose = false
    @ArgumentParser.Option(help: "The rights of its process: trusted, confined or untrusted.") var level = AddonLevel.trusted
        .rawValue
    @ArgumentParser.Option(help: "Seconds in which each line is expected.") var timeout = 5.0
    @Argument(help: "The file, as addon trace or the option addon_trace writes it.") var transcript: String
    @Argument(
        parsing: .captureForPassthrough,
        help: "The addon as --addon takes it, or a program and its arguments. (default: the one that was recorded)")
    var command: [String] = []

    func run() throws {
        guard (0.01...3600).contains(timeout) else {
            throw FlowFailure(status: 2, "--timeout: expected 0.01 to 3600 seconds, found \(timeout)")
        }
        let rerun: Rerun
        do {
            let recorded: Transcript
            do {
                recorded = try Self.read(transcript)
            } catch {
                throw FlowFailure(status: 2, "transcript '\(transcript)': \(error)")
            }
            guard
                let spec = try command.isEmpty
                    ? recorded.form.map({ AddonSpec(name: recorded.addon, form: $0) }) : AddonSpec.parse(words: command)
            else {
                throw FlowFailure(status: 2, "addon '\(recorded.addon)' was not started by the core: name it behind the file")
            }
            let options = OptionStore(Program.options, scope: AddonOptions.scope)
            try options.assign(OptionAssignment.grouped(["\(AddonOptions.table.level.name)=\(level)"], source: "--level"))
            let worker = try LoneWorker(spec, settings: options.settings(of: spec.name), hooks: Program.tables.hooks)
            rerun = Rerun(recorded, worker: worker, isLoose: loose, patience: Int64(timeout * 1000))
        } catch let failure as AddonFailure {
            throw FlowFailure(status: 2, failure.description)
        } catch let failure as OptionFailure {
            throw FlowFailure(status: 2, failure.description)
        }
        let differences = rerun.run()
        for difference in differences {
            Terminal.write("\(transcript):\(difference.line): \(FlowPrinter.safe(difference.text))\n", to: STDOUT_FILENO)
        }
        Terminal.write("\(rerun.compared) answers compared, \(differences.count) differences\n", to: STDOUT_FILENO)
        if !differences.isEmpty { throw ExitCode(1) }
    }
}
