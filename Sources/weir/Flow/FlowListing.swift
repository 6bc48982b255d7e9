import ArgumentParser
import Control
import FlowModel

/// `weir flow ls`: a line a flow.
struct FlowListing: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "Prints a line for each flow: id, method, URL, status, size, marker.",
        discussion: "Absent parts are `-`. Behind them stands `intercepted` for a flow that stands still.")

    @OptionGroup var place: FlowPlaceOptions
    @Flag(help: "Print the state as JSON instead, without bodies.")
    var json = false
    @Argument(help: "A filter expression, or the beginning of an id. (default: every flow)")
    var filter: [String] = []

    func run() throws {
        let pick = try FlowPick(filter)
        let flows = try place.open()
        let text = json ? { FlowText.json(FlowText.withoutBodies($0)) } : FlowText.line
        do throws(FlowFailure) {
            try flows.each(pick, content: false) { Terminal.write(text($0)) }
        } catch {
            // A list may be empty.
            if !error.isEmptiness { throw error }
        }
    }
}
