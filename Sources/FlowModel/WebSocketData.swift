import Schema

/// What went over the WebSocket that an HTTP flow became.
package struct WebSocketData: Record {
    /// Oldest first.
    package var messages: [WebSocketMessage] = []
    /// How many came before those and are not kept. No member of the state, whose form is mitmproxy's.
    package var forgotten = 0
    /// How many came in all.
    package var count: Int { forgotten + messages.count }

    package mutating func forgetAll() {
        forgotten = count
        messages = []
    }
    package var isClosedByClient: Bool?
    package var closeCode: Int?
    package var closeReason: String?
    package var timestampEnd: Double?

    package init() {}

    package static let name = "WebSocketData"
    package static let doc = "What went over a WebSocket."
    package static let blank = WebSocketData()
    package static let fields: [Field<WebSocketData>] = [
        Field("messages", \.messages, "The messages, oldest first; in a message's event the last is the newest."),
        Field("closed_by_client", \.isClosedByClient, .readOnly, "Who closed it, or null while it is open."),
        Field("close_code", \.closeCode, .readOnly, "The status code of the close frame (RFC 6455, 7.4), or null."),
        Field("close_reason", \.closeReason, .readOnly, "The reason in the close frame, or null."),
        Field("timestamp_end", \.timestampEnd, .readOnly, "When it was closed; seconds since 1970, UTC."),
    ]
}
