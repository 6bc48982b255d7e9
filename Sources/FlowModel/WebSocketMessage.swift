import Schema

/// One whole message of a WebSocket: `[opcode, from_client, content, timestamp, dropped, injected]`.
public struct WebSocketMessage: Sendable, Equatable {
    /// RFC 6455, 5.2.
    public enum Kind: Int, Sendable { case text = 1, binary = 2 }

    public var kind: Kind
    public var isFromClient: Bool
    /// Of a text message, its UTF-8.
    public var content: ByteString
    /// Seconds since 1970, UTC.
    public var timestamp: Double
    /// Not passed on.
    public var isDropped = false
    /// Made by an addon, not by a peer.
    public var isInjected = false

    public init(_ kind: Kind, isFromClient: Bool, content: ByteString, timestamp: Double) {
        self.kind = kind
        self.isFromClient = isFromClient
        self.content = content
        self.timestamp = timestamp
    }
}

extension WebSocketMessage: WireValue {
    public static var shape: Shape {
        .tuple([Int.shape, Bool.shape, ByteString.shape, Double.shape, Bool.shape, Bool.shape])
    }

    public func write(_: Selection?, to writer: inout JSONWriter) {
        writer.beginArray()
        kind.rawValue.write(to: &writer)
        isFromClient.write(to: &writer)
        content.write(to: &writer)
        timestamp.write(to: &writer)
        isDropped.write(to: &writer)
        isInjected.write(to: &writer)
        writer.endArray()
    }

    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> WebSocketMessage {
        let message = try restored(from: json, at: path())
        guard message.kind == .binary || message.content.utf8 != nil else {
            throw StateRefusal(.badState, at: "\(path())[2]", "a text message is UTF-8 (RFC 6455, 5.6)")
        }
        return message
    }

    public static func restored(
        from json: JSON, at path: @autoclosure () -> String
    ) throws(StateRefusal) -> WebSocketMessage {
        guard let parts = json.array, parts.count == 6 else {
            throw .expected("[opcode, from_client, content, timestamp, dropped, injected]", at: path(), found: json)
        }
        guard let kind = Kind(rawValue: try Int.read(parts[0], at: "\(path())[0]")) else {
            throw StateRefusal(.badState, at: "\(path())[0]", "expected 1 (text) or 2 (binary)")
        }
        var message = WebSocketMessage(
            kind, isFromClient: try Bool.read(parts[1], at: "\(path())[1]"),
            content: try ByteString.read(parts[2], at: "\(path())[2]"),
            timestamp: try Double.read(parts[3], at: "\(path())[3]"))
        message.isDropped = try Bool.read(parts[4], at: "\(path())[4]")
        message.isInjected = try Bool.read(parts[5], at: "\(path())[5]")
        return message
    }
}
