import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// The calls that speak in a raw TCP connection.
enum TCPCalls {
    static let table: [CoreCall] = [
        CoreCall(
            method: "inject.tcp",
            params: "`id`; `to_client`: whether the client is to get it, or the server; `content`: a byte string, not empty",
            doc:
                "Sends bytes through a raw TCP connection, behind what waits already, as if the other side had sent them: a message of the flow's, with a *tcp_message* of its own. `conflict` if the flow is no open TCP connection or that way is closed, `overloaded` while too much waits.",
            answer: inject)
    ]

    private static let inject: CoreCall.Answer = { (params, worker) throws(CallFailure) in
        let toClient: Bool = try FlowCalls.required(params, "to_client", "a boolean")
        let content: ByteString = try FlowCalls.required(params, "content", "a byte string")
        guard !content.isEmpty else { throw .missing("content: expected at least one byte, found none") }
        let message = Injection(toClient: toClient, content: content, isText: false)
        try worker.mayChange("flow.messages")
        return try FlowCalls.onFlow(params, worker) { (flow) throws(CallFailure) in
            guard case .tcp = flow.anyFlow else { throw .conflict("the flow is no TCP connection") }
            do throws(InjectionRefusal) {
                try flow.inject(message)
            } catch {
                throw .injection(error)
            }
            return [:]
        }
    }
}
