import FlowModel
import NIOCore

/// Flows that are made of messages.
extension FlowPrinter {
    public var wantsMessages: Bool { detail > 0 }

    public func recordMessage(of flow: AnyFlow) {
        guard detail > 0, admits(flow) else { return }
        guard case .http(let http) = flow else { return Terminal.write(lines(of: flow)) }
        if let message = http.value.websocket?.value.messages.last { Terminal.write(lines(of: message, in: http.value)) }
    }

    /// A message of a WebSocket, as mitmdump prints it.
    public func lines(of message: WebSocketMessage, in flow: HTTPFlow) -> String {
        let server = "\(flow.server.value.address?.description ?? flow.request.hostField.string)\(flow.request.path)"
        let arrow = message.isFromClient ? "->" : "<-"
        let kind = message.kind == .text ? "text" : "binary"
        let notes = (message.isDropped ? " (dropped)" : "") + (message.isInjected ? " (injected)" : "")
        let text = "\(flow.client.value.peername) \(arrow) WebSocket \(kind) message \(arrow) \(Self.safe(server))\(notes)\n"
        return detail >= 3 ? text + body(.bytes(ByteBuffer(bytes: message.content.bytes))) : text
    }

    /// Any flow that is not of HTTP: its messages and what ended it.
    public func lines(of flow: AnyFlow) -> String {
        let messages: [StreamMessage] =
            switch flow {
            case .tcp(let flow): flow.messages
            case .udp(let flow): flow.messages
            case .http, .dns: []
            }
        guard messages.isEmpty else { return messages.map { lines(of: $0, flow) }.joined() + (failure(of: flow) ?? "") }
        let error = flow.record.error.map { " << \(colour(.red, Self.safe($0.message)))" } ?? ""
        return "\(way(of: flow, "->"))\(error)\n"
    }

    /// What ended a flow before its time, if something did.
    func failure(of flow: AnyFlow) -> String? {
        flow.record.error.map { error in
            "\(way(of: flow, "->")) << \(colour(.red, Self.safe(error.message)))\n"
        }
    }

    private func lines(of message: StreamMessage, _ flow: AnyFlow) -> String {
        let content = detail >= 3 ? body(.bytes(ByteBuffer(bytes: message.content.bytes))) : ""
        return "\(way(of: flow, message.isFromClient ? "->" : "<-"))\n\(content)"
    }

    private func way(of flow: AnyFlow, _ arrow: String) -> String {
        let record = flow.record
        let server = record.server.value.address?.description ?? "unknown server"
        return "\(record.client.value.peername) \(arrow) \(flow.kind.rawValue) \(arrow) \(server)"
    }
}
