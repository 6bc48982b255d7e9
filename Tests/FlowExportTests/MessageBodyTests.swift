import FlowModel
import NIOCore
import Testing

@testable import FlowExport

@Suite struct MessageBodyTests {
    @Test(
        "a body's charset is its type's, else its own, else Latin-1",
        arguments: [
            ("text/plain; charset=utf-16", "", "utf-16"),
            ("text/plain;charset= koi8-r ; x=y", "", "koi8-r"),
            ("text/plain; charset=", "", "latin-1"),
            ("charset=utf-8", "", "latin-1"),
            ("application/json", "", "utf-8"),
            ("text/html", "<META name=x content='text/html; charset=cp1251'>", "cp1251"),
            ("text/html", "<meta a><meta charset='x' data-charset=\"y\">", "y"),
            ("text/html", "<meta charset=>", "latin-1"),
            ("text/html", "charset=utf-8", "latin-1"),
            ("text/css", "@charset \"utf-8\"; a {}", "utf-8"),
            ("text/css", " @charset \"utf-8\";", "latin-1"),
            ("", "", "latin-1"),
        ])
    func charset(type: String, body: String, expected: String) {
        #expect(MessageBody.charset(type, Array(body.utf8)) == expected)
    }

    @Test(
        "text goes through its character set and back",
        arguments: [
            ("utf-8", "ü€🎉"), ("UTF8", "ü"), ("latin-1", "ü\u{80}"), ("ISO-8859-1", "ÿ"), ("windows-1252", "€"), ("gb2312", "汉字"),
            ("shift_jis", "日本"), ("utf-16le", "a🎉"), ("us-ascii", "abc"), ("iso-2022-jp", "日本"),
        ])
    func roundTrip(name: String, text: String) {
        let set = CharacterSet(name)
        #expect(set.encode(text).flatMap(set.decode) == text)
    }

    @Test("what a character set lacks, and a name that is none, is nil rather than a guess")
    func lacking() {
        #expect(CharacterSet("latin-1").encode("€") == nil)
        #expect(CharacterSet("us-ascii").decode([0xFF]) == nil)
        #expect(CharacterSet("utf-8").decode([0xC3]) == nil)
        for name in ["", "no-such-set", "utf-16//TRANSLIT", "a b", String(repeating: "x", count: 1000), "ü"] {
            #expect(CharacterSet(name).decode([0x41]) == nil)
            #expect(CharacterSet(name).encode("A") == nil)
        }
    }

    @Test("long text is converted whole, whatever the buffer")
    func long() {
        let text = String(repeating: "日本語🎉", count: 5000)
        #expect(CharacterSet("utf-16").encode(text).flatMap(CharacterSet("utf-16").decode) == text)
    }

    @Test("a body is mostly binary if three in ten of its first hundred octets are odd")
    func binary() {
        func isBinary(_ octets: [UInt8]) -> Bool { MessageBody(.bytes(ByteBuffer(bytes: octets)), Headers()).isMostlyBinary }
        #expect(!isBinary([]))
        #expect(!isBinary(Array("text\r\n\t".utf8)))
        #expect(isBinary([0, 1, 2]))
        #expect(!isBinary(Array(repeating: 0x41, count: 70) + Array(repeating: 0, count: 30)))
        #expect(isBinary(Array(repeating: 0x41, count: 69) + Array(repeating: 0, count: 31)))
        #expect(!isBinary(Array(repeating: 0x41, count: 100) + Array(repeating: 0, count: 1000)))
    }

    @Test("codings that cannot be undone leave the body as it is, and say so")
    func undecodable() {
        let headers: Headers = ["Content-Encoding": "gzip"]
        let body = MessageBody(.bytes(ByteBuffer(string: "no gzip")), headers)
        #expect(!body.isDecoded && body.decoded == Array("no gzip".utf8))
        #expect(MessageBody(.omitted(7), headers).decoded == nil)
        #expect(MessageBody(.omitted(7), headers).rawSize == 7)
    }

    @Test(
        "a query and a form are read into pairs",
        arguments: [
            ("a=1&b=2", [["a", "1"], ["b", "2"]]), ("a&b=", [["a", ""], ["b", ""]]), ("&&", []), ("a=1=2", [["a", "1=2"]]),
            ("%C3%BC+x=%41", [["ü x", "A"]]), ("%zz=%4", [["%zz", "%4"]]), ("%FF=%", [["ÿ", "%"]]), ("=x", [["", "x"]]),
        ])
    func form(text: String, pairs: [[String]]) {
        #expect(FormPairs.parse(text).map { [$0.name, $0.value] } == pairs)
    }

    @Test("a form is written so that it reads the same")
    func formText() {
        let pairs = [(name: "a b", value: "ü&="), (name: "", value: "~-._")]
        #expect(FormPairs.text(pairs) == "a+b=%C3%BC%26%3D&=~-._")
        #expect(FormPairs.query(ofPath: "/x?a=1#b=2").map(\.name) == ["a"])
        #expect(FormPairs.query(ofPath: "/x").isEmpty)
    }

    @Test(
        "words are quoted for a shell",
        arguments: [
            ("", "''"), ("plain-1.2/x:y@z%,+=_", "plain-1.2/x:y@z%,+=_"), ("a b", "'a b'"), ("it's", #"'it'"'"'s'"#),
            ("$x", "'$x'"),
            ("ü", "'ü'"), ("~", "'~'"),
        ])
    func shell(text: String, quoted: String) {
        #expect(String(decoding: ShellWord.quoted(Array(text.utf8)), as: UTF8.self) == quoted)
    }
}
