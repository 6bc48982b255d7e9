import NIOCore
import Schema

extension ByteString: WireValue {
    public static var shape: Shape { .byteString }
    public func write(_: Selection?, to writer: inout JSONWriter) { writer.byteString(bytes) }
    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> ByteString {
        ByteString(try octets(json, at: path()))
    }

    /// Lends the octets without a copy where the JSON is a string.
    static func lend(
        _ json: JSON, at path: @autoclosure () -> String, _ body: (UnsafeRawBufferPointer) throws(StateRefusal) -> Void
    ) throws(StateRefusal) {
        guard case .string(let text) = json else {
            let octets = try octets(json, at: path())
            return try octets.withUnsafeBytes { octets in Result { () throws(StateRefusal) in try body(octets) } }.get()
        }
        try text.withRawUTF8 { octets in Result { () throws(StateRefusal) in try body(octets) } }.get()
    }

    /// The octets of a JSON string or of `{"b64": "…"}`.
    public static func octets(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> [UInt8] {
        switch json {
        case .string(let text): return Array(text.utf8)
        case .object(let object):
            guard let text = object["b64"]?.string else { break }
            guard let bytes = Base64.decode(text) else {
                throw StateRefusal(.badState, at: path(), "b64 is not base 64 with padding")
            }
            return bytes
        default: break
        }
        throw .expected("a byte string (a string, or an object with b64)", at: path(), found: json)
    }
}

/// A body as a flow's state shows it: the octets as they stand on the wire, still with their content codings.
public enum Content: Sendable, Equatable {
    /// There is none: null.
    case missing
    case bytes(ByteBuffer)
    /// Held in a file, because it is long.
    case file(BodyFile)
    /// It exists but is not in this state; with its size in bytes if that is known.
    case omitted(Int?)
    /// How it is shown to one worker instead of its bytes.
    case reference(ContentReference)

    /// Bytes at hand; nil if there are none in memory.
    public var buffer: ByteBuffer? { if case .bytes(let buffer) = self { buffer } else { nil } }
    public var isFile: Bool { if case .file = self { true } else { false } }
    public var isOmitted: Bool { if case .omitted = self { true } else { false } }

    /// In bytes; nil if there is no body, or nobody knows.
    public var size: Int? {
        switch self {
        case .missing: nil
        case .bytes(let buffer): buffer.readableBytes
        case .file(let file): file.size
        case .omitted(let size): size
        case .reference(let reference): reference.size
        }
    }

    /// Whether it is held, in memory or in a file, and has bytes.
    public var isHeld: Bool {
        switch self {
        case .bytes(let buffer): buffer.readableBytes > 0
        case .file: true
        case .missing, .omitted, .reference: false
        }
    }

    /// The same with a body that is held in a file left out.
    public var withoutFile: Content { if case .file(let file) = self { .omitted(file.size) } else { self } }
}

extension Content: WireValue {
    public static var shape: Shape { .content }

    public func write(_: Selection?, to writer: inout JSONWriter) {
        switch self {
        case .missing: writer.null()
        case .bytes(let buffer): buffer.withUnsafeReadableBytes { writer.byteString($0) }
        // Where a state is written there is no waiting for a disk: `body.read` shows it.
        case .file(let file): Content.omitted(file.size).write(to: &writer)
        case .omitted(let size):
            writer.beginObject()
            writer.key("omitted")
            size.write(to: &writer)
            writer.endObject()
        case .reference(let reference): reference.write(to: &writer)
        }
    }

    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Content {
        switch json {
        case .null: return .missing
        case .string(let text): return .bytes(ByteBuffer(string: text))
        default: return .bytes(ByteBuffer(bytes: try ByteString.octets(json, at: path())))
        }
    }

    /// A body that was not kept stays so: of a state that is restored, `{"omitted": …}` says what `write` said.
    public static func restored(from json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Content {
        guard let object = json.object, let size = object["omitted"] else { return try read(json, at: path()) }
        return .omitted(try Int?.read(size, at: "\(path()).omitted"))
    }

    /// `{"omitted": …}` in an answer means unchanged, whatever its size says, and so does a reference.
    public static func changes(
        from old: UnsafePointer<Content>, to json: JSON, at path: @autoclosure () -> String, access: Access,
        _ take: (Change<Content>) -> Void
    ) throws(StateRefusal) {
        if json["omitted"] != nil || ContentReference.keys.contains(where: { json[$0] != nil }) { return }
        let new = try read(json, at: path())
        if new == old.pointee { return }
        guard access != .readOnly else { throw StateRefusal(.readOnly, at: path(), "it may not be changed") }
        take(Change(path: path()) { $0 = new })
    }
}

/// A host and a port: `["example.org", 443]`.
public struct Address: Sendable, Hashable, WireValue, CustomStringConvertible {
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    public static var shape: Shape { .tuple([.string, .integer]) }
    public func write(_: Selection?, to writer: inout JSONWriter) {
        writer.beginArray()
        writer.string(host)
        writer.int(port)
        writer.endArray()
    }
    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Address {
        guard let parts = json.array, parts.count >= 2, let host = parts[0].string, let port = parts[1].int,
            (0...65535).contains(port)
        else { throw .expected("[host, port]", at: path(), found: json) }
        return Address(host: host, port: port)
    }
}

/// A JSON object of the addons' own, kept with the flow; at most 16 KiB as JSON.
public struct Metadata: Sendable, Equatable, WireValue {
    public static let maximumBytes = 16 * 1024
    public private(set) var json: JSON = [:]

    public init() {}

    /// Gives one member a value, as the proxy itself does.
    public mutating func set(_ key: String, _ value: JSON) {
        json = json.merging(.object(JSONObject(dictionaryLiteral: (key, value))))
    }

    public static var shape: Shape { .object }
    public func write(_: Selection?, to writer: inout JSONWriter) { writer.value(json) }
    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Metadata {
        guard json.object != nil else { throw .expected("an object", at: path(), found: json) }
        var metadata = Metadata()
        metadata.json = json.detached
        return metadata
    }
    /// An object is merged (RFC 7396), so that two addons may each keep members of their own; that of a whole state replaces.
    public static func changes(
        from old: UnsafePointer<Metadata>, to json: JSON, at path: @autoclosure () -> String, access: Access,
        _ take: (Change<Metadata>) -> Void
    ) throws(StateRefusal) {
        guard json.object != nil else { throw .expected("an object", at: path(), found: json) }
        let json = json.detached
        let merged = access == .replacing ? json : old.pointee.json.merging(json)
        if merged == old.pointee.json { return }
        guard access != .readOnly else { throw StateRefusal(.readOnly, at: path(), "it may not be changed") }
        guard merged.encoded.count <= maximumBytes else {
            throw StateRefusal(.tooLarge, at: path(), "more than \(maximumBytes) bytes of metadata")
        }
        take(Change(path: path()) { $0.json = access == .replacing ? json : $0.json.merging(json) })
    }
}
