import Schema
import Testing

@Suite struct ByteCountTests {
    /// As mitmproxy 11.0.2's `parse_size` reads them, which takes signs and spaces as well.
    @Test(
        "sizes",
        arguments: [
            ("1", 1), ("3m", 3 << 20), ("10k", 10240), ("1g", 1 << 30), ("2t", 2 << 40), ("5b", 5), ("0", 0), ("-1", nil),
            ("x", nil),
            ("1.5m", nil), ("3M", nil), ("", nil), ("k", nil), ("99999999999999999999", nil), ("9999999999t", nil),
        ] as [(String, Int?)])
    func sizes(text: String, bytes: Int?) { #expect(ByteCount(text)?.bytes == bytes) }
}
