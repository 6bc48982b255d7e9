import ArgumentParser
import Control
import Glibc

/// `weir flow …`: the flows of a running core or of a file.
struct FlowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir flow", abstract: "Lists, shows, exports and changes flows, of a running core or of a file.",
        discussion: """
            A flow is named by its id or the beginning of it. What is not made of hexadecimal digits and dashes alone is a filter \
            expression, in the language that `weir` itself takes; to look for such a word in URLs write `~u cafe`.

            `weir flow run FILE --addon …` shows the flows of a file to addons once more, event by event, as `weir -n -r FILE` does; \
            `weir flow run ID -r FILE` does so with one of them.

            Exit statuses: 0, 1 if something went wrong or there is no such flow, 2 for a wrong argument or filter.
            """,
        subcommands: [
            FlowListing.self, FlowShowing.self, FlowExporting.self, FlowResuming.self, FlowKilling.self, FlowMarking.self,
            FlowCommenting.self, FlowReverting.self, FlowDuplicating.self, FlowReplaying.self,
        ])
}

/// Where the flows are.
struct FlowPlaceOptions: ParsableArguments {
    @Option(help: "Addon socket of a running core, as given to --addon-socket. (default: $WEIR_ADDON_SOCKET)")
    var socket: String?
    @Option(help: "File of flows: mitmproxy's dumps, HAR, or .zhar; - is the standard input.")
    var file: String?

    func validate() throws {
        if socket != nil, file != nil { throw ValidationError("give --socket or --file, not both") }
    }

    func open() throws(FlowFailure) -> any FlowPlace {
        if let file { return FlowFile(path: file) }
        return try CoreSocketOptions.open(socket)
    }
}

/// A running core, for commands that files have no answer to.
struct CoreSocketOptions: ParsableArguments {
    @Option(help: "Addon socket of a running core, as given to --addon-socket. (default: $WEIR_ADDON_SOCKET)")
    var socket: String?

    func open(_ methods: String...) throws(FlowFailure) -> LiveFlows { try Self.open(socket, methods) }

    static func open(_ socket: String?, _ methods: [String] = []) throws(FlowFailure) -> LiveFlows {
        guard let path = socket ?? getenv("WEIR_ADDON_SOCKET").map({ String(cString: $0) }), !path.isEmpty else {
            throw FlowFailure(status: 2, "which core? Give --socket PATH, or for a file of flows --file FILE")
        }
        return try LiveFlows(socket: path, methods: methods)
    }
}
