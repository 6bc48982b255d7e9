/// Percent-encoding of URLs (RFC 3986 2.1).
enum Percent {
    /// The octets meant; a `%` without two hexadecimal digits stands for itself. In forms, `+` is a space.
    static func decoded(_ octets: some Sequence<UInt8>, plusIsSpace: Bool = false) -> [UInt8] {
        let input = Array(octets)
        var output: [UInt8] = []
        output.reserveCapacity(input.count)
        var index = 0
        while index < input.count {
            if input[index] == UInt8(ascii: "%"), index + 2 < input.count, let high = digit(input[index + 1]),
                let low = digit(input[index + 2])
            {
                output.append(high << 4 | low)
                index += 3
            } else {
                output.append(plusIsSpace && input[index] == UInt8(ascii: "+") ? 0x20 : input[index])
                index += 1
            }
        }
        return output
    }

    static func decoded(_ text: String) -> String { String(decoding: decoded(text.utf8), as: UTF8.self) }

    /// Names and values of a query or of a body of the form type, in order; a name alone has an empty value.
    static func pairs(_ octets: some Sequence<UInt8>) -> [(name: [UInt8], value: [UInt8])] {
        Array(octets).split(separator: UInt8(ascii: "&")).map { pair in
            let name = pair.prefix { $0 != UInt8(ascii: "=") }
            return (decoded(name, plusIsSpace: true), decoded(pair.dropFirst(name.count + 1), plusIsSpace: true))
        }
    }

    private static func digit(_ octet: UInt8) -> UInt8? {
        switch octet {
        case 0x30...0x39: octet - 0x30
        case 0x41...0x46, 0x61...0x66: (octet | 0x20) - 0x57
        default: nil
        }
    }
}
