import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// What may not be done to a body that goes as it comes, and when that may be decided.
enum StreamedBodies {
    /// Refuses changes of a streamed body's content, and `stream` where it comes too late.
    static func check(_ paths: [String], of flow: HTTPFlow?, in subscription: Subscription) throws(StateRefusal) {
        for path in paths {
            for side in [MessageSide.request, .response] {
                let message = "flow.\(side.rawValue)"
                if path == "\(message).content" { try check(flow, side, at: path) }
                let decides = side == .request ? HTTPHooks.table.requestheaders : HTTPHooks.table.responseheaders
                guard path == "\(message).stream", subscription.hook.index != decides.index else { continue }
                throw StateRefusal(.readOnly, at: path, "it is decided in \(decides.name)")
            }
        }
    }

    /// Refuses a change of the body if it is streamed.
    static func check(_ flow: HTTPFlow?, _ side: MessageSide, at path: String) throws(StateRefusal) {
        guard let flow, flow.isStreamed(side) else { return }
        throw StateRefusal(.streamed, at: path, "the \(side.rawValue)'s body is streamed; it cannot be changed as a whole")
    }
}
