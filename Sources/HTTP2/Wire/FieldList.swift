import CNghttp2
import FlowModel

/// A field list on its way into a HEADERS frame: names in small letters, pseudo fields first, as RFC 9113 8.2 and 8.3 want them.
struct FieldList {
    private var bytes: [UInt8] = []
    private var lines: [(name: Int, value: Int, isSecret: Bool)] = []

    init() {
        bytes.reserveCapacity(512)
        lines.reserveCapacity(16)
    }

    mutating func append(_ name: StaticString, _ value: ByteString) {
        let start = bytes.count
        bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        let end = bytes.count
        bytes.append(contentsOf: value.bytes)
        lines.append((end - start, bytes.count - end, false))
    }

    mutating func append(_ headers: Headers) {
        for index in headers.indices {
            headers.withLine(at: index) { name, value in
                let start = bytes.count
                bytes.append(contentsOf: name)
                bytes.withUnsafeMutableBufferPointer { bytes in
                    for index in start..<bytes.count { bytes[index] = bytes[index].asciiLowercased }
                }
                bytes.append(contentsOf: value)
                lines.append((name.count, value.count, Self.isSecret(name, value)))
            }
        }
    }

    /// What must not enter a compression table, where others could guess it (RFC 7541 7.1.3).
    private static func isSecret(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        switch name.count {
        case 13: name.equalsIgnoringCase("authorization")
        case 19: name.equalsIgnoringCase("proxy-authorization")
        case 6: value.count < 20 && name.equalsIgnoringCase("cookie")
        default: false
        }
    }

    /// Lends the list in nghttp2's form.
    mutating func withFields<Result>(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Result) -> Result {
        let lines = lines
        return bytes.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return body(nil, 0) }
            var place = base
            let fields = lines.map { line in
                let name = place
                let value = place + line.name
                place = value + line.value
                let flags = line.isSecret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
                return nghttp2_nv(
                    name: name, value: value, namelen: line.name, valuelen: line.value, flags: UInt8(flags.rawValue))
            }
            return fields.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
        }
    }
}
