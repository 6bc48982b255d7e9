import FlowModel

/// Reads and writes `application/x-www-form-urlencoded`: the query of a URL and the bodies of forms.
enum FormPairs {
    /// The pairs in order; a name without `=` has an empty value, and an empty pair is none.
    static func parse(_ text: some StringProtocol) -> [(name: String, value: String)] {
        text.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (plain(parts[0]), parts.count == 2 ? plain(parts[1]) : "")
        }
    }

    /// The pairs of a URL's query; none without a query.
    static func query(ofPath path: String) -> [(name: String, value: String)] {
        guard let mark = path.firstIndex(of: "?") else { return [] }
        return parse(path[path.index(after: mark)...].prefix { $0 != "#" })
    }

    /// The text of the pairs, with everything escaped but letters, digits and `_.-~`; a space becomes `+`.
    static func text(_ pairs: [(name: String, value: String)]) -> String {
        pairs.map { "\(escaped($0.name))=\(escaped($0.value))" }.joined(separator: "&")
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for octet in text.utf8 {
            switch octet {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(octet))
            case UInt8(ascii: " "): result += "+"
            default: result += (octet < 16 ? "%0" : "%") + String(octet, radix: 16, uppercase: true)
            }
        }
        return result
    }

    private static func plain(_ text: some StringProtocol) -> String {
        let octets = Array(text.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < octets.count {
            let octet = octets[index]
            if octet == UInt8(ascii: "%"), index + 2 < octets.count, let high = hex(octets[index + 1]),
                let low = hex(octets[index + 2])
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(octet == UInt8(ascii: "+") ? UInt8(ascii: " ") : octet)
                index += 1
            }
        }
        return ByteString(result).text
    }

    private static func hex(_ octet: UInt8) -> UInt8? { Character(Unicode.Scalar(octet)).hexDigitValue.map { UInt8($0) } }
}
