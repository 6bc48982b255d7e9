import Schema

/// A string of octets as they stood on the wire: usually text, but nothing promises that it is UTF-8.
public struct ByteString: Hashable, Sendable {
    /// The octets, unchanged.
    public var bytes: [UInt8]

    /// No octets.
    public init() { bytes = [] }

    /// The UTF-8 octets of a string.
    public init(_ string: String) {
        bytes = Array(string.utf8)
    }

    /// The octets of any sequence, such as a readable view or a raw buffer.
    public init(_ octets: some Sequence<UInt8>) {
        bytes = Array(octets)
    }

    /// The text for people: octets that are not UTF-8 become U+FFFD, so it cannot be turned back.
    public var string: String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// The text if every octet belongs to valid UTF-8, otherwise nil; unlike `string` it can be turned back.
    public var utf8: String? {
        String(validating: bytes, as: UTF8.self)
    }

    /// True when there is not one octet.
    public var isEmpty: Bool {
        bytes.isEmpty
    }

    /// Adds a number as people write it.
    public mutating func appendDecimal(_ number: Int) {
        guard number >= 0 else { return bytes.append(contentsOf: String(number).utf8) }
        if number > 9 { appendDecimal(number / 10) }
        bytes.append(UInt8(ascii: "0") + UInt8(number % 10))
    }

    /// True when the octets are exactly these; unlike `==` with a literal it makes no byte string.
    public func isExactly(_ text: StaticString) -> Bool { bytes.withUnsafeBytes { $0.isExactly(text) } }

    /// True when both are the same but for the case of ASCII letters.
    public func equalsIgnoringCase(_ other: ByteString) -> Bool {
        bytes.withUnsafeBytes { mine in other.bytes.withUnsafeBytes { mine.equalsIgnoringCase($0) } }
    }

    /// True when both are the same but for the case of ASCII letters.
    public func equalsIgnoringCase(_ other: String) -> Bool {
        bytes.withUnsafeBytes { mine in other.withRawUTF8 { mine.equalsIgnoringCase($0) } }
    }
}

extension ByteString: ExpressibleByStringLiteral, CustomStringConvertible {
    public init(stringLiteral value: String) {
        self.init(value)
    }

    public var description: String {
        string
    }
}

extension UInt8 {
    /// The octet with ASCII capitals made small; all other octets are themselves.
    public var asciiLowercased: UInt8 {
        self &- 0x41 < 26 ? self | 0x20 : self
    }

    /// True for the `tchar` of RFC 9110 5.6.2, of which methods and field names are made.
    public var isTokenCharacter: Bool {
        // One bit an octet: 0-9 and !#$%&'*+-. in the first word; A-Z a-z and ^_`|~ in the second.
        let word: UInt64 = self < 64 ? 0x03FF_6CFA_0000_0000 : 0x57FF_FFFF_C7FF_FFFE
        return self < 128 && word &>> (UInt64(self) & 63) & 1 == 1
    }

    /// True for what a field value may hold: HTAB, SP, visible ASCII and 0x80-0xFF (RFC 9110 5.5).
    public var isFieldValueCharacter: Bool {
        self >= 0x20 ? self != 0x7F : self == 0x09
    }

    /// True for SP and HTAB, the `OWS` of RFC 9110 5.6.3.
    public var isOptionalWhitespace: Bool {
        self == 0x20 || self == 0x09
    }
}

extension UnsafeRawBufferPointer {
    /// True when both hold the same octets but for the case of ASCII letters.
    public func equalsIgnoringCase(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        // Nearly all who write a name write it alike.
        if isExactly(other) { return true }
        for index in 0..<count where self[index].asciiLowercased != other[index].asciiLowercased { return false }
        return true
    }

    public func equalsIgnoringCase(_ text: StaticString) -> Bool { equalsIgnoringCase(text.octets) }
}

extension String {
    /// Lends the UTF-8 octets without a copy; the buffer is valid inside the closure only.
    public func withRawUTF8<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        if let result = try utf8.withContiguousStorageIfAvailable({ try body(UnsafeRawBufferPointer($0)) }) { return result }
        return try Array(utf8).withUnsafeBytes(body)
    }
}
