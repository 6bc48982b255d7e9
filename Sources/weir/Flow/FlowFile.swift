import Control
import FlowFiles
import FlowModel
import Glibc

/// The flows of a file, which is read as a stream.
struct FlowFile: FlowPlace {
    let path: String

    func each(_ pick: FlowPick, content: Bool, _ body: (AnyFlow) throws(FlowFailure) -> Void) throws(FlowFailure) {
        let flows: SavedFlows
        do throws(FlowFileTrouble) { flows = try SavedFlows(path) } catch { throw FlowFailure(error.description) }
        defer { if let note = flows.note { Terminal.write("weir: \(note)\n", to: STDERR_FILENO) } }
        try pass(flows, pick, body)
    }

    private func pass(
        _ flows: SavedFlows, _ pick: FlowPick, _ body: (AnyFlow) throws(FlowFailure) -> Void
    ) throws(FlowFailure) {
        // Whether an id's beginning is one flow's alone is known at the end only.
        var found: [AnyFlow] = []
        var hasAny = false
        while let flow = try next(flows) {
            guard pick.admits(flow) else { continue }
            hasAny = true
            if case .id = pick { found.append(flow) } else { try body(flow) }
        }
        if case .id(let prefix) = pick {
            if found.count > 1, let exact = found.first(where: { $0.id == prefix }) { found = [exact] }
            guard found.count < 2 else { throw .ambiguous(prefix, found.map(\.id)) }
            for flow in found { try body(flow) }
        }
        if case .all = pick { return }
        guard hasAny else { throw .none(pick) }
    }

    private func next(_ flows: SavedFlows) throws(FlowFailure) -> AnyFlow? {
        do throws(FlowFileTrouble) { return try flows.next() } catch { throw FlowFailure(error.description) }
    }
}
