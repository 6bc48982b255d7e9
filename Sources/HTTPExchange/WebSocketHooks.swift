import FlowModel
import ProxyKernel
import Schema

/// Carries an HTTP flow that has become a WebSocket, with the newest message or, at its start and end, with all that are kept.
public struct WebSocketEvent: HookPayload {
    @Boxed public var http: HTTPFlow
    public var messagesBefore: Int
    private let isOfMessage: Bool

    /// The flow with all messages that it keeps.
    public init(_ flow: HTTPFlow) {
        _http = Boxed(flow)
        messagesBefore = flow.websocket?.value.kept.first ?? 0
        isOfMessage = false
    }

    /// The flow with one message and none of the `before` that came earlier, so that an event costs the same however long it has lasted.
    public init(_ flow: HTTPFlow, newest message: WebSocketMessage, before: Int) {
        var flow = flow
        var socket = WebSocketData()
        if let whole = flow.websocket {
            whole.value.copyEnd(to: &socket)
        }
        socket.messages = [message]
        flow.websocket = Boxed(socket)
        _http = Boxed(flow)
        messagesBefore = before
        isOfMessage = true
    }

    /// What the event's listeners have made of its message: the last of the list, whose type and origin stay. An empty list drops it.
    public func decided(_ message: WebSocketMessage) -> WebSocketMessage {
        var decided = message
        guard let answer = http.websocket?.value.messages.last else {
            decided.isDropped = true
            return decided
        }
        decided.isDropped = answer.isDropped
        // Who changed the type as well may have left what is no text.
        if message.kind == .binary || answer.content.utf8 != nil { decided.content = answer.content }
        return decided
    }

    public var flow: HTTPFlow? {
        get { http }
        set { if let newValue { http = newValue } }
    }

    public mutating func leaveOutMessages() {
        guard !isOfMessage, let socket = http.websocket?.value else { return }
        messagesBefore = socket.kept.count
        http.websocket?.value.kept.forgetAll()
    }

    public static let name = "WebSocketEvent"
    public static let doc = "Carries an HTTP flow that has become a WebSocket."
    public static let blank = WebSocketEvent(.blank)
    public static let fields: [Field<WebSocketEvent>] = [
        Field("flow", \._http, "The flow's state."),
        Field(
            "messages_before", \.messagesBefore, .readOnly, "How many messages came before those in `flow.websocket.messages`."),
    ]
}

extension WebSocketData {
    fileprivate func copyEnd(to other: inout WebSocketData) {
        other.isClosedByClient = isClosedByClient
        other.closeCode = closeCode
        other.closeReason = closeReason
        other.timestampEnd = timestampEnd
    }
}

/// The events of the WebSocket that an HTTP flow becomes.
public struct WebSocketHooks: HookTable {
    public let handshake = Hook<FlowEvent>(
        "websocket_handshake",
        "The request asks for a WebSocket. Comes before *request*; like there, everything of the request may be changed.")
    public let start = Hook<WebSocketEvent>(
        "websocket_start", "The flow became a WebSocket, after its *response*. No message is passed on before the answer.")
    public let message = Hook<WebSocketEvent>(
        "websocket_message",
        "A message came: the only one in `websocket.messages`, whose content may be changed, or which may be dropped; its type stays."
    )
    public let error = Hook<WebSocketEvent>(
        "websocket_error",
        "The WebSocket ended before its time; `error` says why. *websocket_end* follows.")
    public let end = Hook<WebSocketEvent>(
        "websocket_end",
        "The WebSocket is closed; `close_code` and `closed_by_client` say how. The messages that are kept are left out unless `content` was asked for."
    )

    public init() {}
    public static let table = WebSocketHooks()
}
