/// Eight octets at a time, in one word: the tests that every octet of a head must pass. The first octet is the lowest.
struct OctetWord {
    private let word: UInt64

    init(_ octets: UnsafeRawBufferPointer, at position: Int) {
        word = UInt64(littleEndian: octets.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }

    /// The highest bit of each octet.
    private static let high: UInt64 = 0x8080_8080_8080_8080

    /// An octet eight times.
    private static func all(_ octet: UInt8) -> UInt64 { UInt64(octet) &* 0x0101_0101_0101_0101 }

    /// The highest bit of each octet of `ascii` that is at least `bound`, which like these is below 0x80.
    private static func atLeast(_ bound: UInt8, _ ascii: UInt64) -> UInt64 { ascii &+ all(0x80 - bound) }

    /// How many octets in front are letters, digits or hyphens, of which nearly all names are made: 0 to 8.
    var nameLength: Int {
        let ascii = word & ~Self.high
        let small = ascii | Self.all(0x20)
        let letters = Self.atLeast(UInt8(ascii: "a"), small) & ~Self.atLeast(UInt8(ascii: "z") + 1, small)
        let digits = Self.atLeast(UInt8(ascii: "0"), ascii) & ~Self.atLeast(UInt8(ascii: "9") + 1, ascii)
        let hyphens = ~Self.atLeast(1, ascii ^ Self.all(UInt8(ascii: "-")))
        let strangers = ~(letters | digits | hyphens) & Self.high | word & Self.high
        return strangers.trailingZeroBitCount >> 3
    }

    /// True when no octet is a control character, HTAB among them.
    var isText: Bool {
        let ascii = word & ~Self.high
        let controls = ~Self.atLeast(0x20, ascii) | ~Self.atLeast(1, ascii ^ Self.all(0x7F))
        return controls & ~word & Self.high == 0
    }
}

extension UnsafeRawBufferPointer {
    /// The first position in the range whose octet is no token character, or its end.
    public func endOfToken(_ range: Range<Int>) -> Int {
        var position = range.lowerBound
        while position + 8 <= range.upperBound {
            let length = OctetWord(self, at: position).nameLength
            position += length
            if length == 8 { continue }
            guard self[position].isTokenCharacter else { return position }
            position += 1
        }
        // The last word may overlap the one before.
        if range.count >= 8, OctetWord(self, at: range.upperBound - 8).nameLength == 8 { return range.upperBound }
        while position < range.upperBound, self[position].isTokenCharacter { position += 1 }
        return position
    }

    /// True when the octets of the range may stand in a field value.
    public func isFieldValue(_ range: Range<Int>) -> Bool {
        guard range.count >= 8 else { return self[range].allSatisfy(\.isFieldValueCharacter) }
        // The last word may overlap the one before.
        let last = range.upperBound - 8
        var position = range.lowerBound
        while position < last, OctetWord(self, at: position).isText { position += 8 }
        if position >= last, OctetWord(self, at: last).isText { return true }
        // HTAB may stand in a value, and hardly ever does.
        return self[range].allSatisfy(\.isFieldValueCharacter)
    }
}
