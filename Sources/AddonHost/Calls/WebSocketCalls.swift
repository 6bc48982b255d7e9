import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// The calls that speak in a WebSocket.
enum WebSocketCalls {
    static let table: [CoreCall] = [
        CoreCall(
            method: "inject.websocket",
            params:
                "`id`; `to_client`: whether the client is to get it, or the server; `content`: a byte string; `is_text`: false for a binary message, true without it",
            doc:
                "Sends a message through an open WebSocket, as if the other side had sent it: it is one of the flow's, `injected`, and has a *websocket_message* of its own. `conflict` if the flow is no open WebSocket, `bad_state` for a text that is not UTF-8, `too_large` above `websocket_message_limit`, `overloaded` while too many messages wait.",
            answer: inject)
    ]

    private static let inject: CoreCall.Answer = { (params, worker) throws(CallFailure) in
        let toClient: Bool = try FlowCalls.required(params, "to_client", "a boolean")
        let content: ByteString = try FlowCalls.required(params, "content", "a byte string")
        let isText: Bool = params["is_text"] == nil ? true : try FlowCalls.required(params, "is_text", "a boolean")
        let message = Injection(toClient: toClient, content: content, isText: isText)
        try worker.mayChange("flow.websocket.messages")
        return try FlowCalls.onFlow(params, worker) { (flow) throws(CallFailure) in
            do throws(InjectionRefusal) {
                try flow.inject(message)
            } catch {
                throw .injection(error)
            }
            return [:]
        }
    }
}

extension CallFailure {
    static func injection(_ refusal: InjectionRefusal) -> CallFailure {
        switch refusal.kind {
        case .conflict: .conflict(refusal.description)
        case .badContent: CallFailure(code: -32003, kind: "bad_state", message: refusal.description, path: "content")
        case .tooLarge: CallFailure(code: -32006, kind: "too_large", message: refusal.description, path: "content")
        case .overloaded: CallFailure(code: -32010, kind: "overloaded", message: refusal.description)
        }
    }
}
