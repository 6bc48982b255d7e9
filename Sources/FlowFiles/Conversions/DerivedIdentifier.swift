/// Identifiers for what had none when it was saved: made from what tells it apart, so that nothing need be remembered.
enum DerivedIdentifier {
    /// A UUID (RFC 9562, version 8) of the values: the same for the same values.
    static func uuid(_ kind: String, _ values: [SavedValue?]) -> String {
        let bytes = Array("\(kind) \(values.map { String(describing: $0) })".utf8)
        let high = fnv1a(bytes, 0xCBF2_9CE4_8422_2325) & ~0xF000 | 0x8000
        let low = fnv1a(bytes, 0x8422_2325_CBF2_9CE4) >> 2 | 1 << 63
        let digits = [high, low].map { word in
            let text = String(word, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
        var rest = Substring(digits)
        return [8, 4, 4, 4, 12].map { count in
            defer { rest = rest.dropFirst(count) }
            return String(rest.prefix(count))
        }.joined(separator: "-")
    }

    private static func fnv1a(_ bytes: [UInt8], _ seed: UInt64) -> UInt64 {
        bytes.reduce(seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
