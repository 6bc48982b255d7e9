/// A DNS message for people and for filters.
extension DNSMessage {
    /// The questions' names and the records' data, one a line, ended by CRLF but for the last.
    public var text: String {
        (questions.map(\.name) + (answers + authorities + additionals).map(\.text)).joined(separator: "\r\n")
    }
}

extension DNSResource {
    /// Addresses, names and texts as people write them; other data in hexadecimal.
    public var text: String {
        let bytes = data.bytes
        switch type {
        case 1 where bytes.count == 4: return bytes.map { String($0) }.joined(separator: ".")
        case 28 where bytes.count == 16: return Self.ipv6(bytes)
        case 2, 5, 12: return Self.name(bytes) ?? hexadecimal
        case 16: return data.utf8 ?? hexadecimal
        default: return hexadecimal
        }
    }

    private var hexadecimal: String {
        "0x" + data.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Uncompressed labels; nil if they are none.
    private static func name(_ bytes: [UInt8]) -> String? {
        var labels: [String] = []
        var rest = bytes[...]
        while let length = rest.popFirst(), length > 0 {
            guard length < 64, rest.count >= Int(length), let label = ByteString(rest.prefix(Int(length))).utf8 else {
                return nil
            }
            labels.append(label)
            rest = rest.dropFirst(Int(length))
        }
        return rest.isEmpty ? labels.joined(separator: ".") : nil
    }

    /// RFC 5952: the first longest run of two zero groups or more is cut out.
    private static func ipv6(_ bytes: [UInt8]) -> String {
        let groups = stride(from: 0, to: 16, by: 2).map { Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]) }
        var longest = 0..<0
        var start = 0
        while start < groups.count {
            let end = groups[start...].firstIndex { $0 != 0 } ?? groups.count
            if end - start > max(longest.count, 1) { longest = start..<end }
            start = max(end, start + 1)
        }
        let texts = groups.map { String($0, radix: 16) }
        guard !longest.isEmpty else { return texts.joined(separator: ":") }
        return texts[..<longest.lowerBound].joined(separator: ":") + "::" + texts[longest.upperBound...].joined(separator: ":")
    }
}
