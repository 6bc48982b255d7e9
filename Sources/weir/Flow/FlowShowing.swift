import ArgumentParser
import Control

/// `weir flow show`: a flow with headers and bodies.
struct FlowShowing: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Prints flows with their headers and bodies, as --flow-detail 3 does.",
        discussion: "Content codings are undone. With --json the whole state is printed, with bodies as they were on the wire.")

    @OptionGroup var place: FlowPlaceOptions
    @Flag(help: "Print the whole state as JSON instead, one a line.")
    var json = false
    @Option(help: "How much is printed: 2 headers, 3 cut bodies too, 4 everything.")
    var detail = 3
    @Argument(help: "An id, the beginning of one, or a filter expression.")
    var which: [String]

    func validate() throws {
        if !(2...4).contains(detail) { throw ValidationError("--detail is 2, 3 or 4") }
    }

    func run() throws {
        try place.open().each(try FlowPick(which), content: true) { flow in
            Terminal.write(json ? FlowText.json(flow) : FlowText.block(of: flow, detail: detail))
        }
    }
}
