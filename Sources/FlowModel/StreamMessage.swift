import Schema

/// One piece of a TCP connection, or one datagram: `[from_client, content, timestamp]`.
public struct StreamMessage: Sendable, Equatable {
    public var isFromClient: Bool
    /// Empty content is not passed on.
    public var content: ByteString
    /// Seconds since 1970, UTC.
    public var timestamp: Double

    public init(isFromClient: Bool, content: ByteString, timestamp: Double) {
        self.isFromClient = isFromClient
        self.content = content
        self.timestamp = timestamp
    }

    /// What an answer makes of the message that its event carried: another content, and no more of it is the peer's to say. Without
    /// a message in the answer it is not passed on.
    public func answered(_ messages: [StreamMessage]) -> StreamMessage {
        var message = self
        message.content = messages.last?.content ?? ""
        return message
    }

    /// About how many bytes of memory it takes.
    public var footprint: Int { 64 + content.bytes.count }
}

extension StreamMessage: WireValue {
    public static var shape: Shape { .tuple([Bool.shape, ByteString.shape, Double.shape]) }

    public func write(_: Selection?, to writer: inout JSONWriter) {
        writer.beginArray()
        isFromClient.write(to: &writer)
        content.write(to: &writer)
        timestamp.write(to: &writer)
        writer.endArray()
    }

    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> StreamMessage {
        guard let parts = json.array, parts.count == 3 else {
            throw .expected("[from_client, content, timestamp]", at: path(), found: json)
        }
        return StreamMessage(
            isFromClient: try Bool.read(parts[0], at: "\(path())[0]"),
            content: try ByteString.read(parts[1], at: "\(path())[1]"),
            timestamp: try Double.read(parts[2], at: "\(path())[2]"))
    }
}
