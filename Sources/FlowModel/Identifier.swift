import Glibc
import Synchronization

/// Makes the identifiers of flows and connections.
package enum Identifier {
    private static let digits = Array("0123456789abcdef".utf8)

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
    package static func uuid4() -> String {
        let (first, second) = randomPair()
        return text(first, second, version: 4)
    }

    /// The UUID (version 8) of something that has none: the same for the same octets and number, and not made against malice.
    package static func hashed(_ octets: [UInt8], _ number: Int) -> String {
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
            var position = 0
            for (word, groups) in [(high, [8, 4, 4]), (low, [4, 12])] {
                var shift = 64
                for group in groups {
                    if position > 0 {
                        text[position] = UInt8(ascii: "-")
                        position += 1
                    }
                    for _ in 0..<group {
                        shift -= 4
                        text[position] = digits[Int(word >> UInt64(shift) & 15)]
                        position += 1
                    }
                }
            }
            return position
        }
    }
}
