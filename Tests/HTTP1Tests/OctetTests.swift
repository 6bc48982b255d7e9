import FlowModel
import HTTP1
import NIOCore
import Testing

/// Heads are read eight octets at a time: each octet is tried in each place of a word, and behind the last whole one.
@Suite("Octets of field lines")
struct OctetTests {
    private static let places = [0, 1, 6, 7, 8, 9, 15, 16, 18]

    /// The lines of a request's one field, whose name or value has this octet in this place among letters; nil if it is refused.
    private func fields(_ octet: UInt8, inName: Bool, at place: Int, of length: Int) -> Headers? {
        var tried = [UInt8](repeating: UInt8(ascii: "a"), count: length)
        tried[place] = octet
        let line = inName ? tried + octets(": v") : octets("n: ") + tried
        var parser = RequestParser()
        parser.received(ByteBuffer(bytes: octets("GET / HTTP/1.0\r\n") + line + octets("\r\n\r\n")))
        guard case .head(let head, _) = parser.next() else { return nil }
        return head.headers
    }

    @Test("a name takes token characters and no others", arguments: [1, 8, 19])
    func names(length: Int) {
        for place in Self.places where place < length {
            for octet in UInt8.min...UInt8.max {
                let isColon = octet == UInt8(ascii: ":")
                let fields = fields(octet, inName: true, at: place, of: length)
                #expect((fields != nil) == (octet.isTokenCharacter || isColon && place > 0), "\(octet) at \(place) of \(length)")
                if !isColon, let fields { #expect(fields.name(at: 0).bytes.count == length) }
            }
        }
    }

    @Test("a value takes all but control characters", arguments: [1, 8, 19])
    func values(length: Int) {
        for place in Self.places where place < length {
            for octet in UInt8.min...UInt8.max {
                let fields = fields(octet, inName: false, at: place, of: length)
                #expect((fields != nil) == octet.isFieldValueCharacter, "\(octet) at \(place) of \(length)")
            }
        }
    }
}
