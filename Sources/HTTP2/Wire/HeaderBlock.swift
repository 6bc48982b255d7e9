import FlowModel

/// What a HEADERS frame and its continuations say: the pseudo fields apart, all others in order.
struct HeaderBlock: Sendable {
    var method: ByteString = ""
    var scheme: ByteString = ""
    var authority: ByteString = ""
    var path: ByteString = ""
    /// Of an extended CONNECT (RFC 8441).
    var `protocol`: ByteString = ""
    var status = 0
    var fields = Headers()
    /// As RFC 9113 6.5.2 counts a field list: names, values, and 32 for each field.
    private(set) var size = 0

    /// Takes a field that has passed nghttp2's checks. Beyond `limit` nothing more is kept, only counted.
    mutating func append(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, limit: Int) {
        size += name.count + value.count + 32
        guard size <= limit else { return }
        guard name.first == UInt8(ascii: ":") else { return fields.append(name: name, value: value) }
        switch String(decoding: name, as: UTF8.self) {
        case ":method": method = ByteString(value)
        case ":scheme": scheme = ByteString(value)
        case ":authority": authority = ByteString(value)
        case ":path": path = ByteString(value)
        case ":protocol": `protocol` = ByteString(value)
        case ":status": status = value.reduce(0) { $0 * 10 + Int($1 &- 0x30) }
        default: break
        }
    }

    /// The length that the fields state, if they do; nghttp2 has checked that it is one number and that the body keeps to it.
    var contentLength: Int? { fields.first("content-length").flatMap { Int($0.string) } }
}
