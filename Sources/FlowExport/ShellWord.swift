import FlowModel

/// Octets as words of a POSIX shell.
enum ShellWord {
    /// The word as mitmproxy and Python quote it: bare if nothing in it means anything to a shell, else between single quotes.
    static func quoted(_ octets: [UInt8]) -> [UInt8] {
        let isBare = !octets.isEmpty && octets.allSatisfy(isPlain)
        if isBare { return octets }
        var word: [UInt8] = [quote]
        for octet in octets {
            if octet == quote { word += #"'"'"'"#.utf8 } else { word.append(octet) }
        }
        return word + [quote]
    }

    /// A command that prints these octets, whatever they are, in every POSIX shell.
    static func printing(_ octets: [UInt8]) -> [UInt8] {
        var word = Array("printf '".utf8)
        for octet in octets {
            switch octet {
            case UInt8(ascii: "%"): word += "%%".utf8
            case UInt8(ascii: "\\"): word += #"\\"#.utf8
            case UInt8(ascii: "\n"): word += #"\n"#.utf8
            case UInt8(ascii: "\r"): word += #"\r"#.utf8
            case UInt8(ascii: "\t"): word += #"\t"#.utf8
            // A leading "-" would be read as an option, a "'" would end the quotes.
            case quote, UInt8(ascii: "-"), 0..<0x20, 0x7F...0xFF:
                let digits = String(octet, radix: 8)
                word += "\\\(String(repeating: "0", count: 3 - digits.count))\(digits)".utf8
            default: word.append(octet)
            }
        }
        return word + [quote]
    }

    static func joined(_ words: [[UInt8]]) -> [UInt8] { Array(words.map(quoted).joined(separator: [UInt8(ascii: " ")])) }

    private static let quote = UInt8(ascii: "'")

    private static func isPlain(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "_@%+=:,./-".utf8.contains(octet)
        }
    }
}
