import FlowModel

/// A domain name: its labels as they stand on the wire, without the empty one of the root.
///
/// At most 63 octets a label and 255 in all, the lengths counted (RFC 1035 2.3.4). Letters keep their case.
///
/// The text of a name is that of master files (RFC 1035 5.1), without the last dot: `\.` and `\\` for a dot and a backslash in a
/// label, `\DDD` with three decimal digits for an octet that is no visible ASCII. A label that is the Punycode of letters
/// beyond ASCII is shown as these letters, as mitmproxy does, if they lead back to the very same octets. Every name has a text, and
/// the text leads back to the name.
public struct DomainName: Hashable, Sendable {
    public private(set) var labels: [[UInt8]]

    public static let root = DomainName()
    static let maximumLabel = 63
    static let maximumLength = 255
    private static let prefix = Array("xn--".utf8)
    private static let dot = UInt8(ascii: ".")
    private static let backslash = UInt8(ascii: "\\")

    private init() { labels = [] }

    init(labels: [[UInt8]]) throws(WireFailure) {
        for label in labels {
            guard !label.isEmpty else { throw WireFailure("a label is empty") }
            guard label.count <= Self.maximumLabel else {
                throw WireFailure("a label of \(label.count) octets, at most \(Self.maximumLabel) are allowed")
            }
        }
        self.labels = labels
        guard length <= Self.maximumLength else {
            throw WireFailure("a name of \(length) octets, at most \(Self.maximumLength) are allowed")
        }
    }

    /// How many octets it takes uncompressed.
    public var length: Int { labels.reduce(1) { $0 + 1 + $1.count } }

    /// A label at a time, each after its length, and the root's 0.
    public var octets: [UInt8] { labels.reduce(into: []) { $0 += [UInt8($1.count)] + $1 } + [0] }

    /// True if they are the same but for the case of ASCII letters (RFC 4343).
    public func isSame(as other: DomainName) -> Bool { folded == other.folded }

    /// With ASCII capitals made small.
    public var folded: DomainName {
        var name = self
        name.labels = labels.map { $0.map(\.asciiLowercased) }
        return name
    }
}

extension DomainName {
    public var text: String { labels.map { Self.text(of: $0) }.joined(separator: ".") }

    private static func text(of label: [UInt8]) -> String {
        if let letters = letters(of: label) { return letters }
        var text = ""
        for octet in label {
            switch octet {
            case dot, backslash: text += "\\" + String(Unicode.Scalar(octet))
            case 0x21...0x7E: text.unicodeScalars.append(Unicode.Scalar(octet))
            default: text += "\\" + String(repeating: "0", count: octet < 10 ? 2 : octet < 100 ? 1 : 0) + String(octet)
            }
        }
        return text
    }

    /// What the Punycode in a label stands for; nil if it has none, or if that would not lead back to it.
    private static func letters(of label: [UInt8]) -> String? {
        guard label.starts(with: prefix), let scalars = Punycode.decode(Array(label.dropFirst(prefix.count))),
            scalars.contains(where: { !$0.isASCII }), scalars.allSatisfy(isReadable)
        else { return nil }
        let text = String(String.UnicodeScalarView(scalars))
        return octets(of: scalars) == label ? text : nil
    }

    /// Neither a character that means something in a name's text nor one that nobody sees.
    private static func isReadable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_": return true
        // Dots to whoever types a name (RFC 3490 3.1).
        case "\u{3002}", "\u{FF0E}", "\u{FF61}": return false
        default: break
        }
        guard !scalar.isASCII else { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator, .lineSeparator, .paragraphSeparator:
            return false
        default: return true
        }
    }

    /// Reads a text; one dot at its end means nothing. Letters beyond ASCII become Punycode, in lower case.
    public init(text: String) throws(WireFailure) {
        var labels: [[UInt8]] = []
        var label: [UInt8] = [], scalars: [Unicode.Scalar] = []
        var rest = text.unicodeScalars[...]
        if text.isEmpty || text == "." {
            self = .root
            return
        }
        func close() throws(WireFailure) {
            guard scalars.contains(where: { !$0.isASCII }) else { return labels.append(label) }
            guard label.allSatisfy({ $0 < 0x80 }), let encoded = Self.octets(of: scalars) else {
                throw WireFailure("'\(text)' has a label that mixes octets and letters beyond ASCII")
            }
            labels.append(encoded)
        }
        while let scalar = rest.popFirst() {
            switch scalar {
            case ".":
                try close()
                (label, scalars) = ([], [])
                if rest.isEmpty {
                    self = try DomainName(labels: labels)
                    return
                }
            case "\\":
                let octet = try Self.escaped(&rest, in: text)
                label.append(octet)
                // An escaped octet that is no ASCII never is a letter.
                if octet < 0x80 { scalars.append(Unicode.Scalar(octet)) }
            default:
                if scalar.isASCII { label.append(UInt8(scalar.value)) }
                scalars.append(scalar)
            }
        }
        try close()
        self = try DomainName(labels: labels)
    }

    /// What stands behind a backslash.
    private static func escaped(_ rest: inout Substring.UnicodeScalarView, in text: String) throws(WireFailure) -> UInt8 {
        let digits = rest.prefix(3)
        if digits.first.map({ ("0"..."9").contains($0) }) == true {
            guard digits.count == 3, let octet = UInt8(String(digits)) else {
                throw WireFailure("'\(text)' has a backslash without three digits up to 255")
            }
            rest = rest.dropFirst(3)
            return octet
        }
        guard let scalar = rest.popFirst(), scalar.isASCII else {
            throw WireFailure("'\(text)' has a backslash without a character to escape")
        }
        return UInt8(scalar.value)
    }

    private static func octets(of scalars: [Unicode.Scalar]) -> [UInt8]? {
        let lowercased = String(String.UnicodeScalarView(scalars)).lowercased()
        return Punycode.encode(Array(lowercased.unicodeScalars)).map { prefix + $0 }
    }
}
