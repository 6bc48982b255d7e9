import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// What may not be done to a body that goes as it comes, and when that may be decided.
public enum StreamedBodies {
    /// The places of each side that are looked at, and the hook in which `stream` is decided.
    private static let places = [MessageSide.request, .response].map { side in
        (
            side: side, content: "flow.\(side.rawValue).content", stream: "flow.\(side.rawValue).stream",
            decides: side == .request ? HTTPHooks.table.requestheaders : HTTPHooks.table.responseheaders
        )
    }

    /// Refuses changes of a streamed body's content, and `stream` where it comes too late.
    public static func check<Payload>(
        _ changes: [Change<Payload>], of flow: @autoclosure () -> HTTPFlow?, in hook: any AnyHook
    ) throws(StateRefusal) {
        for change in changes {
            for place in places {
                if change.path == place.content { try check(flow(), place.side, at: change.path) }
                guard change.path == place.stream, hook.index != place.decides.index else { continue }
                throw StateRefusal(.readOnly, at: change.path, "it is decided in \(place.decides.name)")
            }
        }
    }

    /// Refuses what a call makes of a live flow in the same way.
    static func check(_ old: AnyFlow, _ new: AnyFlow) throws(StateRefusal) {
        guard case .http(let before) = old, case .http(let after) = new else { return }
        let (old, new) = (before.value, after.value)
        if old.request.content != new.request.content { try check(old, .request, at: "flow.request.content") }
        if let before = old.response, let after = new.response, before.content != after.content {
            try check(old, .response, at: "flow.response.content")
        }
        for side in [MessageSide.request, .response] where old.isStreamed(side) != new.isStreamed(side) {
            // A response that is put in another's place has none of its decisions.
            guard side == .request || (old.response != nil && new.response != nil) else { continue }
            throw StateRefusal(.readOnly, at: "flow.\(side.rawValue).stream", "it is decided in an event")
        }
    }

    /// Refuses a change of the body if it is streamed.
    static func check(_ flow: HTTPFlow?, _ side: MessageSide, at path: String) throws(StateRefusal) {
        guard let flow, flow.isStreamed(side) else { return }
        throw StateRefusal(.streamed, at: path, "the \(side.rawValue)'s body is streamed; it cannot be changed as a whole")
    }
}
