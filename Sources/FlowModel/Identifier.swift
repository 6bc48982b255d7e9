import Glibc
import Synchronization

/// Makes the identifiers of flows and connections.
public enum Identifier {
    private static let hyphen = UInt8(ascii: "-")

    /// Random words of the kernel, fetched many at a time: a system call a flow would be dear.
    private static let words = Mutex<[UInt64]>([])

    private static func randomPair() -> (UInt64, UInt64) {
        words.withLock { words in
            if words.count < 2 {
                words = [UInt64](repeating: 0, count: 256)
                words.withUnsafeMutableBytes { if let start = $0.baseAddress { arc4random_buf(start, $0.count) } }
            }
            return (words.removeLast(), words.removeLast())
        }
    }

    /// A random UUID (RFC 9562, version 4) as text.
    public static func uuid4() -> String {
        let (first, second) = randomPair()
        return text(first, second, version: 4)
    }

    /// The UUID (version 8) of something that has none: the same for the same octets and number, and not made against malice.
    public static func hashed(_ octets: [UInt8], _ number: Int) -> String {
        // FNV-1a, twice from different beginnings.
        var (first, second): (UInt64, UInt64) = (0xCBF2_9CE4_8422_2325, 0x8422_2325_CBF2_9CE4 ^ UInt64(bitPattern: Int64(number)))
        for octet in octets {
            first = (first ^ UInt64(octet)) &* 0x100_0000_01B3
            second = (second ^ UInt64(octet)) &* 0x100_0000_01B3
        }
        return text(first ^ second &* 0x9E37_79B9_7F4A_7C15, second, version: 8)
    }

    private static func text(_ first: UInt64, _ second: UInt64, version: UInt64) -> String {
        let high = (first & ~0xF000) | version << 12
        let low = (second >> 2) | 1 << 63
        return String(unsafeUninitializedCapacity: 36) { text in
            let text = UnsafeMutableRawBufferPointer(text)
            // Hyphens stand behind the 8th, 12th, 16th and 20th digit.
            let (second, third) = (digits(high), digits(low >> 32))
            text.storeBytes(of: digits(high >> 32).bigEndian, as: UInt64.self)
            text.storeBytes(of: UInt32(second >> 32).bigEndian, toByteOffset: 9, as: UInt32.self)
            text.storeBytes(of: UInt32(truncatingIfNeeded: second).bigEndian, toByteOffset: 14, as: UInt32.self)
            text.storeBytes(of: UInt32(third >> 32).bigEndian, toByteOffset: 19, as: UInt32.self)
            text.storeBytes(of: UInt32(truncatingIfNeeded: third).bigEndian, toByteOffset: 24, as: UInt32.self)
            text.storeBytes(of: digits(low).bigEndian, toByteOffset: 28, as: UInt64.self)
            (text[8], text[13], text[18], text[23]) = (hyphen, hyphen, hyphen, hyphen)
            return 36
        }
    }

    /// The two words of a UUID as `text` writes it, in small letters; nil for any other text.
    public static func words(of text: String) -> (high: UInt64, low: UInt64)? {
        text.withRawUTF8 { text in
            guard text.count == 36, text[8] == hyphen, text[13] == hyphen, text[18] == hyphen, text[23] == hyphen else {
                return nil
            }
            func octets<Word: FixedWidthInteger>(_ place: Int, _: Word.Type) -> UInt64 {
                UInt64(Word(bigEndian: text.loadUnaligned(fromByteOffset: place, as: Word.self)))
            }
            guard let first = word(octets(0, UInt64.self)),
                let second = word(octets(9, UInt32.self) << 32 | octets(14, UInt32.self)),
                let third = word(octets(19, UInt32.self) << 32 | octets(24, UInt32.self)),
                let fourth = word(octets(28, UInt64.self))
            else { return nil }
            return (first << 32 | second, third << 32 | fourth)
        }
    }

    /// What `digits` made the digits of; nil if they are none.
    private static func word(_ digits: UInt64) -> UInt64? {
        // The low four bits, and nine more for letters, which have the bit 0x40. What that makes of others is none of their digits.
        var octets = (digits & 0x0F0F_0F0F_0F0F_0F0F) &+ (digits >> 6 & 0x0101_0101_0101_0101) &* 9
        octets = (octets | octets >> 4) & 0x00FF_00FF_00FF_00FF
        octets = (octets | octets >> 8) & 0x0000_FFFF_0000_FFFF
        octets = (octets | octets >> 16) & 0xFFFF_FFFF
        return Self.digits(octets) == digits ? octets : nil
    }

    /// The eight hexadecimal digits of the low 32 bits, one an octet, the first in the highest.
    private static func digits(_ word: UInt64) -> UInt64 {
        var octets = word & 0xFFFF_FFFF
        octets = (octets | octets << 16) & 0x0000_FFFF_0000_FFFF
        octets = (octets | octets << 8) & 0x00FF_00FF_00FF_00FF
        octets = (octets | octets << 4) & 0x0F0F_0F0F_0F0F_0F0F
        // From 10 on, letters, which stand 0x27 behind where the digits end.
        let letters = (octets + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return octets + 0x3030_3030_3030_3030 + letters * 0x27
    }
}
