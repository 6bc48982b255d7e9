import Schema
import Testing

struct Base64Tests {
    @Test("octets of every length come back as they were")
    func roundTrip() {
        for count in 0...300 {
            let octets = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
            let text = String(decoding: Base64.encode(octets), as: UTF8.self)
            #expect(Base64.decode(text) == octets)
        }
    }

    @Test(
        "what is not canonical stands for nothing",
        arguments: [
            "A", "AA", "AAA", "A===", "====", "AB==", "AAB=", "AA=A", "=AAA", "AA==AAAA", "AAAA=", "A A=", "AA\n=", "-_==", "é==",
            "AAA\u{0}",
        ])
    func refused(text: String) { #expect(Base64.decode(text) == nil) }
}
