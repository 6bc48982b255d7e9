import Schema

/// The settings of WebSockets.
public struct WebSocketOptions: OptionTable {
    public let websocket = Option<Bool>(
        "websocket", true, read: .whenUsed,
        "Read the messages of WebSockets. Without it what follows their handshake is passed on untouched.")
    public let messageLimit = Option<ByteCount>(
        "websocket_message_limit", ByteCount(mebibytes: 64), read: .whenUsed,
        "Bytes of a WebSocket message at most, unpacked: who sends more is closed with 1009.")

    public let stream = Option<Bool>(
        "stream_websockets", false, read: .whenUsed,
        "Pass the frames of WebSockets on as they come. Their messages are recorded and have their events, but cannot be changed any more."
    )

    public init() {}
    public static let table = WebSocketOptions()
}
