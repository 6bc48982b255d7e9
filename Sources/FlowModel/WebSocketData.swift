import Schema

/// What went over the WebSocket that an HTTP flow became.
public struct WebSocketData: Record {
    /// How many there were is no member of the state, whose form is mitmproxy's.
    public var kept: KeptMessages<WebSocketMessage>
    /// Those that are kept, oldest first.
    public var messages: [WebSocketMessage] {
        get { kept.all }
        set { kept.replace(with: newValue) }
    }
    public var isClosedByClient: Bool?
    public var closeCode: Int?
    public var closeReason: String?
    public var timestampEnd: Double?

    public init(_ kept: KeptMessages<WebSocketMessage> = KeptMessages()) { self.kept = kept }

    public static func == (left: WebSocketData, right: WebSocketData) -> Bool {
        left.isClosedByClient == right.isClosedByClient && left.closeCode == right.closeCode
            && left.closeReason == right.closeReason && left.timestampEnd == right.timestampEnd && left.messages == right.messages
    }

    public static let name = "WebSocketData"
    public static let doc = "What went over a WebSocket."
    public static let blank = WebSocketData()
    public static let fields: [Field<WebSocketData>] = [
        Field("messages", \.messages, "The messages, oldest first; in a message's event the last is the newest."),
        Field("closed_by_client", \.isClosedByClient, .readOnly, "Who closed it, or null while it is open."),
        Field("close_code", \.closeCode, .readOnly, "The status code of the close frame (RFC 6455, 7.4), or null."),
        Field("close_reason", \.closeReason, .readOnly, "The reason in the close frame, or null."),
        Field("timestamp_end", \.timestampEnd, .readOnly, "When it was closed; seconds since 1970, UTC."),
    ]
}
