import FlowModel

extension Request {
    /// It is the opening handshake of a WebSocket (RFC 6455, 4.1).
    public var asksWebSocket: Bool {
        headers.hasToken("websocket", in: "Upgrade") && headers.hasToken("upgrade", in: "Connection")
            && headers.first("Sec-WebSocket-Version").map { $0 == "13" } ?? true
    }
}

extension HTTPFlow {
    /// Its request asked for a WebSocket, and its response has granted it.
    public var isWebSocket: Bool {
        request.asksWebSocket && response?.statusCode == 101 && response?.headers.hasToken("websocket", in: "Upgrade") == true
    }
}
