import FlowModel
import Testing

@testable import Rules

@Suite struct SegmentsTests {
    @Test(
        "a value splits at its first character into two or three parts",
        arguments: [
            ("/a/b", nil, "a", "b"), ("/~q/a/b", "~q", "a", "b"), ("/~q/a/b/c/", "~q", "a", "b/c/"), ("|a/b|c", nil, "a/b", "c"),
            ("//", nil, "", ""), ("/a/", nil, "a", ""), ("é~séxéy", "~s", "x", "y"), ("XaXb", nil, "a", "b"),
        ] as [(String, String?, String, String)])
    func splits(text: String, filter: String?, subject: String, replacement: String) throws {
        let segments = try Segments(text)
        #expect(segments.filter?.source == filter)
        #expect(segments.subject == subject)
        #expect(segments.replacement == replacement)
    }

    @Test("values of too few parts and bad filters are refused", arguments: ["", "/", "/a", "//a/b", "/~nope/a/b", "/~c x/a/b"])
    func refuses(text: String) {
        #expect(throws: BadValue.self) { try Segments(text) }
    }

    /// As mitmproxy 11.0.2's `strutils.escaped_str_to_bytes` answered.
    @Test(
        "escapes are undone as in Python's byte strings",
        arguments: [
            (#"\1"#, [1]), (#"\\1"#, [0x5C, 0x31]), (#"\d\.\b"#, Array(#"\d\."#.utf8) + [8]), (#"\101\777"#, [0x41, 0xFF]),
            (#"\q"#, [0x5C, 0x71]), ("\\\n", []), ("é", [0xC3, 0xA9]), (#"\x41\xfF"#, [0x41, 0xFF]), (#"\r\n\t"#, [13, 10, 9]),
        ] as [(String, [UInt8])])
    func escapes(text: String, octets: [UInt8]) throws {
        #expect(try Escapes.undo(text) == octets)
    }

    @Test("broken escapes are refused", arguments: [#"\x4"#, #"\x"#, #"\xg0"#, #"\x+1"#, #"a\"#])
    func brokenEscapes(text: String) {
        #expect(throws: BadValue.self) { try Escapes.undo(text) }
    }
}
