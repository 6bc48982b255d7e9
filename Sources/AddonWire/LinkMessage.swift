public import Schema

/// The part of a line that does not depend on the connection: `{"method":…,"params":…}` and a line feed.
///
/// The link puts the version and the id in front, so that a message can be encoded before its id is known, on any loop.
public struct LinkMessage: Sendable {
    /// An object with the members `method` and `params`, ended by LF.
    public let bytes: [UInt8]

    /// A message whose `params` is the object that `members` writes the members of.
    public init(_ method: String, capacity: Int = 2048, members: (inout JSONWriter) -> Void = { _ in }) {
        var writer = JSONWriter(capacity: capacity)
        writer.beginObject()
        writer.key(encoded: Self.methodKey)
        writer.string(method)
        writer.key(encoded: Self.paramsKey)
        writer.beginObject()
        members(&writer)
        writer.endObject()
        writer.endObject()
        writer.endLine()
        bytes = writer.bytes
    }

    private static let methodKey = JSONWriter.encodedKey("method")
    private static let paramsKey = JSONWriter.encodedKey("params")
    private static let version = Array(#"{"jsonrpc":"2.0","#.utf8)
    private static let idPrefix = Array(#"{"jsonrpc":"2.0","id":"#.utf8)

    /// The length of the line, LF not counted.
    func length(id: Int?) -> Int {
        guard let id else { return Self.version.count + bytes.count - 2 }
        var digits = 1
        var rest = id / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        return Self.idPrefix.count + digits + bytes.count - 1
    }

    /// Appends the line; without an id it is a notification.
    public func append(id: Int?, to output: inout [UInt8]) {
        // At once, since most lines are alone in what is written.
        if output.isEmpty { output.reserveCapacity(Self.idPrefix.count + 20 + bytes.count) }
        if let id {
            output += Self.idPrefix
            JSONWriter.withDigits(of: id.magnitude) { output.append(contentsOf: $0) }
            output.append(UInt8(ascii: ","))
        } else {
            output += Self.version
        }
        bytes.withUnsafeBytes { output.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[1...])) }
    }

    /// A result of a worker's call, as a whole line.
    static func answer(to id: JSON, _ result: JSON) -> [UInt8] {
        var line = JSON.object(["jsonrpc": "2.0", "id": id, "result": result]).encoded
        line.append(0x0A)
        return line
    }

    /// A refusal of a worker's call, as a whole line. `kind` is the stable word.
    static func refusal(to id: JSON, code: Int, kind: String, message: String, path: String? = nil) -> [UInt8] {
        var data: JSONObject = ["kind": .string(kind)]
        data["path"] = path.map { .string($0) }
        let error: JSON = ["code": .int(code), "message": .string(message), "data": .object(data)]
        var line = JSON.object(["jsonrpc": "2.0", "id": id, "error": error]).encoded
        line.append(0x0A)
        return line
    }
}
