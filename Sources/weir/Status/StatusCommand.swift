import ArgumentParser
import Control

/// `weir status`: whether a running core is well.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir status", abstract: "Prints how a running core stands.",
        discussion: """
            Exit statuses: 0 if it takes new flows and every addon is up, 1 if not, 2 if no core can be reached or the arguments are \
            wrong.
            """)

    @OptionGroup var place: CoreSocketOptions
    @Flag(help: "Print what the core says as JSON instead.")
    var json = false

    func run() throws {
        let answers = try place.ask("core.status", "addon.list")
        let report = StatusReport(answers[0], answers[1])
        Terminal.write(json ? report.json : report.text)
        if !report.isWell { throw ExitCode(1) }
    }
}

/// `weir addons`: what addons a running core has, and how each stands.
struct AddonsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir addons", abstract: "Prints the addons of a running core, and in which order they hear of each event.",
        discussion: """
            LEVEL is what holds at present, with the layers that the kernel gave. P50 and P99 are estimates of how long events \
            waited since the core started.

            Exit statuses: 0 if every addon is up, 1 if not, 2 if no core can be reached or the arguments are wrong.
            """)

    @OptionGroup var place: CoreSocketOptions
    @Flag(help: "Print what the core says as JSON instead.")
    var json = false

    func run() throws {
        let report = AddonReport(try place.ask("addon.list")[0])
        Terminal.write(json ? report.json : report.text)
        if !report.isWell { throw ExitCode(1) }
    }
}

extension CoreSocketOptions {
    /// The results of calls that take nothing. Where there is none, no core was reached.
    fileprivate func ask(_ methods: String...) throws(FlowFailure) -> [FlowParameters] {
        do throws(FlowFailure) {
            let core = try Self.open(socket, methods)
            var answers: [FlowParameters] = []
            for method in methods { answers.append(try core.call(method, [:]).object ?? [:]) }
            return answers
        } catch {
            throw FlowFailure(status: 2, error.text)
        }
    }
}
