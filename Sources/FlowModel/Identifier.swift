/// Makes the identifiers of flows and connections.
package enum Identifier {
    private static let digits = Array("0123456789abcdef".utf8)

    /// A random UUID (RFC 9562, version 4) as text.
    package static func uuid4() -> String {
        var generator = SystemRandomNumberGenerator()
        let high = (generator.next() & ~0xF000) | 0x4000
        let low = (generator.next() >> 2) | 1 << 63
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
