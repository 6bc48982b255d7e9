/// What a match is replaced with: octets and references to groups, as in the replacement of Python's `re.sub`.
///
/// `\1` to `\99` and `\g<1>` are groups by number, `\g<name>` by name, `\g<0>` the whole match; `\n`, `\t` and the like and octal
/// escapes (`\0`, `\012`, `\101`) are the characters; a backslash before anything but a letter or digit stands for both.
public struct Replacement: Sendable {
    private enum Part: Sendable {
        case octets([UInt8])
        case group(Int)
    }

    /// Why a replacement cannot be used: a phrase for people.
    public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
    }

    private let parts: [Part]
    private let regex: RegularExpression

    /// Reads the template; its groups must be the pattern's.
    public init(_ template: [UInt8], for regex: RegularExpression) throws(Failure) {
        var reader = Reader(text: template, regex: regex)
        try reader.read()
        parts = reader.parts
        self.regex = regex
    }

    /// What comes out at most, in bytes.
    public static let maximumResult = 256 << 20

    /// The subject with every match replaced; nil if searching it exceeded a bound, or the result would be too long.
    public func replacingMatches(in subject: [UInt8]) -> [UInt8]? {
        var output: [UInt8] = []
        let isWhole = subject.withUnsafeBytes { bytes in
            var end = 0
            var fits = true
            let isWhole = regex.eachMatch(in: bytes) { groups in
                guard let match = groups[0], match.lowerBound >= end else { return false }
                output += bytes[end..<match.lowerBound]
                for part in parts {
                    switch part {
                    case .octets(let octets): output += octets
                    case .group(let number): if let range = groups[number] { output += bytes[range] }
                    }
                }
                end = match.upperBound
                fits = output.count <= Self.maximumResult
                return fits
            }
            output += bytes[end...]
            return isWhole && fits
        }
        return isWhole ? output : nil
    }

    private struct Reader {
        let text: [UInt8]
        let regex: RegularExpression
        var parts: [Part] = []
        private var literal: [UInt8] = []
        private var position = 0

        init(text: [UInt8], regex: RegularExpression) {
            self.text = text
            self.regex = regex
        }

        mutating func read() throws(Failure) {
            while let octet = next() {
                if octet == UInt8(ascii: "\\") { try readEscape() } else { literal.append(octet) }
            }
            if !literal.isEmpty { parts.append(.octets(literal)) }
        }

        private mutating func next() -> UInt8? {
            guard position < text.count else { return nil }
            defer { position += 1 }
            return text[position]
        }

        private mutating func readEscape() throws(Failure) {
            guard let octet = next() else { throw Failure(description: "the replacement ends in a backslash") }
            switch octet {
            case UInt8(ascii: "g"): try readName()
            case UInt8(ascii: "0"): literal.append(octal(from: position - 1, digits: 3))
            case UInt8(ascii: "1")...UInt8(ascii: "9"): try readNumber()
            default:
                if let character = Self.escapes[octet] {
                    literal.append(character)
                } else if octet.isASCIILetter {
                    throw Failure(description: "bad escape \\\(Character(UnicodeScalar(octet))) in the replacement")
                } else {
                    literal += [UInt8(ascii: "\\"), octet]
                }
            }
        }

        private mutating func readNumber() throws(Failure) {
            let digits = text[(position - 1)...].prefix(3)
            if digits.count == 3, digits.allSatisfy(Self.isOctal) {
                guard digits.first.map({ $0 <= UInt8(ascii: "3") }) ?? false else {
                    throw Failure(description: "octal escape \\\(String(decoding: digits, as: UTF8.self)) is above \\377")
                }
                return literal.append(octal(from: position - 1, digits: 3))
            }
            let number = digits.prefix(2).prefix { (0x30...0x39).contains($0) }
            position += number.count - 1
            try add(group: number.reduce(0) { $0 * 10 + Int($1 - 0x30) })
        }

        private mutating func readName() throws(Failure) {
            guard next() == UInt8(ascii: "<"), let end = text[position...].firstIndex(of: UInt8(ascii: ">")), end > position
            else { throw Failure(description: "expected <name> behind \\g in the replacement") }
            let name = String(decoding: text[position..<end], as: UTF8.self)
            position = end + 1
            if name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { return try add(group: Int(name) ?? .max) }
            guard let group = regex.group(named: name) else { throw Failure(description: "there is no group '\(name)'") }
            try add(group: group)
        }

        private mutating func add(group: Int) throws(Failure) {
            guard group <= regex.groupCount else { throw Failure(description: "there is no group \(group)") }
            if !literal.isEmpty { parts.append(.octets(literal)) }
            literal = []
            parts.append(.group(group))
        }

        /// The octet that up to `digits` octal digits name; moves behind them.
        private mutating func octal(from start: Int, digits: Int) -> UInt8 {
            let run = text[start...].prefix(digits).prefix(while: Self.isOctal)
            position = start + run.count
            return UInt8(truncatingIfNeeded: run.reduce(0) { $0 * 8 + Int($1 - 0x30) })
        }

        private static func isOctal(_ octet: UInt8) -> Bool { (0x30...0x37).contains(octet) }
        private static let escapes: [UInt8: UInt8] = [
            UInt8(ascii: "a"): 0x07, UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A,
            UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09, UInt8(ascii: "v"): 0x0B, UInt8(ascii: "\\"): 0x5C,
        ]
    }
}

extension UInt8 {
    fileprivate var isASCIILetter: Bool { (0x61...0x7A).contains(self | 0x20) }
}
