import Testing

@testable import Codings

@Suite struct ContentCodingTests {
    @Test(
        "a Content-Encoding value lists codings in the order they were applied",
        arguments: [
            ("gzip", [.gzip]), ("X-GZIP", [.gzip]), ("gzip, br", [.gzip, .brotli]), (" zstd ,\tdeflate ", [.zstd, .deflate]),
            ("identity", []), ("", []), (",, ,", []), ("identity, gzip,", [.gzip]),
        ] as [(String, [ContentCoding])])
    func lists(value: String, codings: [ContentCoding]) throws {
        #expect(try ContentCoding.stack(value) == codings)
    }

    @Test(
        "an unknown coding is refused by name",
        arguments: [("gzip, lzma", "lzma"), ("gzip br", "gzip br"), ("compress", "compress")])
    func unknown(value: String, token: String) throws {
        let failure = #expect(throws: CodingFailure.self) { try ContentCoding.stack(value) }
        guard case .unknown(let found)? = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(found.split(separator: " ").joined(separator: " ") == token)
    }

    @Test("more codings than the stack holds are refused")
    func bound() throws {
        let five = Array(repeating: "gzip", count: ContentCoding.maximumStack).joined(separator: ",")
        #expect(try ContentCoding.stack(five).count == ContentCoding.maximumStack)
        #expect(throws: CodingFailure.tooMany(limit: ContentCoding.maximumStack)) { try ContentCoding.stack(five + ",br") }
        let six = Array(repeating: ContentCoding.gzip, count: ContentCoding.maximumStack + 1)
        #expect(throws: CodingFailure.tooMany(limit: ContentCoding.maximumStack)) { try ContentDecoder.decode([], codings: six) }
    }

    @Test("a coding's token reads back as the coding", arguments: ContentCoding.allCases)
    func tokens(coding: ContentCoding) {
        #expect(ContentCoding(token: coding.token) == coding)
    }
}
