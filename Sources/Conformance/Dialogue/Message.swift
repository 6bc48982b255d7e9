import AddonWire
import Schema

/// A line to a worker that may be changed before it is sent: with members that nobody knows, longer, or with other escapes.
struct Message: Sendable {
    let method: String
    /// `{"method":…,"params":{…}}` and a line feed, as the core writes it.
    private var bytes: [UInt8]

    init(_ method: String, _ message: LinkMessage) {
        self.method = method
        bytes = message.bytes
    }

    init(_ method: String, _ params: JSONObject = [:]) {
        self.init(
            method,
            LinkMessage(method, capacity: 256) { writer in
                for member in params.members {
                    writer.key(member.key)
                    writer.value(member.value)
                }
            })
    }

    /// Appends the line; without an id it is a notification.
    func append(id: Int?, to output: inout [UInt8]) {
        let head = id.map { #"{"jsonrpc":"2.0","id":\#($0),"# } ?? #"{"jsonrpc":"2.0","#
        output += head.utf8
        output += bytes[1...]
    }

    func length(id: Int) -> Int { #"{"jsonrpc":"2.0","id":\#(id),"#.utf8.count + bytes.count - 2 }

    /// The same with a member that nobody knows in every object from `params` on, as deep as records go.
    var withUnknownMembers: Message {
        guard let json = try? JSONReader().read(bytes), let params = json["params"] else { return self }
        return Message(method, Self.strange(params, depth: 0).object ?? [:])
    }

    private static func strange(_ json: JSON, depth: Int) -> JSON {
        guard var object = json.object, depth < 5, object["b64"] == nil else { return json }
        for member in object.members where !foreign.contains(member.key) {
            object[member.key] = strange(member.value, depth: depth + 1)
        }
        object["x_unknown"] = ["of": ["a", "later", "version"], "null": .null]
        return .object(object)
    }

    /// Objects whose members are not the protocol's.
    private static let foreign: Set<String> = ["metadata", "options", "args", "content"]

    /// The same, so long that the line has exactly so many bytes without its LF; the same if it has as many already.
    func padded(id: Int, to length: Int) -> Message {
        let params = Array(#""params":{"#.utf8)
        guard let range = bytes.firstRange(of: params) else { return self }
        let isEmpty = bytes[range.upperBound] == UInt8(ascii: "}")
        let frame = #""x_padding":"""#.utf8.count + (isEmpty ? 0 : 1)
        let room = length - self.length(id: id) - frame
        guard room >= 0 else { return self }
        var member = Array(#""x_padding":""#.utf8)
        member += [UInt8](repeating: UInt8(ascii: "x"), count: room)
        member += Array((isEmpty ? "\"" : "\",").utf8)
        var padded = self
        padded.bytes.insert(contentsOf: member, at: range.upperBound)
        return padded
    }

    /// The same with U+0085, U+2028 and U+2029 as they are instead of escaped.
    var withRawSeparators: Message {
        var raw = self
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count {
                let rest = bytes[index...].prefix(6)
                if let character = Self.separators.first(where: { rest.elementsEqual($0.escape) }) {
                    result += character.octets
                    index += 6
                    continue
                }
                result += bytes[index...(index + 1)]
                index += 2
                continue
            }
            result.append(bytes[index])
            index += 1
        }
        raw.bytes = result
        return raw
    }

    private static let separators: [(escape: [UInt8], octets: [UInt8])] = [
        (#"\u0085"#, "\u{85}"), (#"\u2028"#, "\u{2028}"), (#"\u2029"#, "\u{2029}"),
    ].map { (Array($0.0.utf8), Array($0.1.utf8)) }
}
