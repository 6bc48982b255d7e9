import FlowModel

/// What a HEADERS frame and its continuations say: the pseudo fields apart, all others in order.
struct HeaderBlock: Sendable {
    private static let nothing: ByteString = ""
    var method = nothing
    var scheme = nothing
    var authority = nothing
    var path = nothing
    /// Of an extended CONNECT (RFC 8441).
    var `protocol` = nothing
    var status = 0
    var fields = Headers()
    /// As RFC 9113 6.5.2 counts a field list: names, values, and 32 for each field.
    private(set) var size = 0

    init() { fields.reserve(lines: 12, bytes: 500) }

    /// Takes a field that has passed nghttp2's checks. Beyond `limit` nothing more is kept, only counted.
    mutating func append(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, limit: Int) {
        size += name.count + value.count + 32
        guard size <= limit else { return }
        guard name.first == UInt8(ascii: ":") else { return fields.append(name: name, value: value) }
        switch (name.count, name.dropFirst().first) {
        case (7, UInt8(ascii: "m")): method = ByteString(value)
        case (7, UInt8(ascii: "s")) where name[2] == UInt8(ascii: "c"): scheme = ByteString(value)
        case (7, UInt8(ascii: "s")): for octet in value { status = status * 10 + Int(octet &- 0x30) }
        case (10, UInt8(ascii: "a")): authority = ByteString(value)
        case (5, UInt8(ascii: "p")): path = ByteString(value)
        case (9, UInt8(ascii: "p")): `protocol` = ByteString(value)
        default: break
        }
    }

    /// The length that the fields state, if they do; nghttp2 has checked that it is one number and that the body keeps to it.
    var contentLength: Int? { fields.first("content-length").flatMap { Int($0.string) } }
}
