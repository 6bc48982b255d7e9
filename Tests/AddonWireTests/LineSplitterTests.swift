import Testing

@testable import AddonWire

struct LineSplitterTests {
    private func lines(_ parts: [[UInt8]], limit: Int = 1 << 20) throws -> [String] {
        var splitter = LineSplitter(limit: limit)
        var lines: [String] = []
        for part in parts {
            try part.withUnsafeBytes { try splitter.feed($0) { lines.append(String(decoding: $0, as: UTF8.self)) } }
        }
        return lines
    }

    @Test("lines end at LF only, wherever the reads are cut")
    func everySplit() throws {
        let text = Array("one\r\ntwo\u{2028}x\u{85}y\rz\n\nthree\nrest".utf8)
        let expected = ["one", "two\u{2028}x\u{85}y\rz", "", "three"]
        for cut in 0...text.count { #expect(try lines([Array(text[..<cut]), Array(text[cut...])]) == expected) }
        #expect(try lines(text.map { [$0] }) == expected)
    }

    @Test("a line of exactly the limit passes, one byte more does not", arguments: [1, 3, 8])
    func limit(part: Int) throws {
        func parts(_ count: Int) -> [[UInt8]] {
            let text = [UInt8](repeating: 0x61, count: count) + [0x0A]
            return stride(from: 0, to: text.count, by: part).map { Array(text[$0..<min($0 + part, text.count)]) }
        }
        #expect(try lines(parts(7), limit: 7) == ["aaaaaaa"])
        #expect(throws: LineSplitter.Failure.tooLong(limit: 7)) { try lines(parts(8), limit: 7) }
    }

    @Test("a line without an end is refused as soon as it is too long")
    func endless() {
        #expect(throws: LineSplitter.Failure.tooLong(limit: 4)) { try lines([[1, 2, 3], [4, 5]], limit: 4) }
    }
}
