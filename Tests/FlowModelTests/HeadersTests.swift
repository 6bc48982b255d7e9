import FlowModel
import Testing

@Suite("Headers")
struct HeadersTests {
    private func wire(_ headers: Headers) -> String {
        var octets: [UInt8] = []
        headers.withWireRuns { octets += Array($0) + Array("\r\n".utf8) }
        return String(decoding: octets, as: UTF8.self)
    }

    private func runs(_ headers: Headers) -> Int {
        var count = 0
        headers.withWireRuns { _ in count += 1 }
        return count
    }

    @Test("order, case and duplicates survive")
    func orderSurvives() {
        let headers: Headers = ["B": "1", "a": "2", "B": "3", "b": ""]
        #expect(headers.map(\.name.string) == ["B", "a", "B", "b"])
        #expect(headers.map(\.value.string) == ["1", "2", "3", ""])
        #expect(wire(headers) == "B: 1\r\na: 2\r\nB: 3\r\nb: \r\n")
    }

    @Test("a set of names never lacks one that is in it, in whatever case; it lacks most others")
    func nameSets() {
        let names = ["Host", "User-Agent", "Accept", "content-LENGTH", "X", "Sec-Fetch-Mode", "x@", "[Y]"]
        var headers = Headers()
        for name in names {
            #expect(headers.index(named: name) == nil)
            headers.append(name: ByteString(name), value: "v")
            for wanted in [name, name.lowercased(), name.uppercased()] {
                #expect(headers.index(named: wanted) != nil)
                #expect(headers.mayContain(NameSet("Nowhere-Else", wanted)))
            }
        }
        #expect(!headers.mayContain(NameSet("Connection", "TE", "Upgrade", "Keep-Alive", "Transfer-Encoding")))
        #expect(!headers.mayContain(NameSet()))
        headers.remove("HOST")
        #expect(!headers.contains("Host"))
        headers.set("Host", "again")
        #expect(headers.first("host") == "again")
    }

    @Test("octets outside UTF-8 survive")
    func octetsSurvive() {
        var headers = Headers()
        headers.append(name: "X", value: ByteString([0x80, 0xFF, 0xC3]))
        #expect(headers.first("x")?.bytes == [0x80, 0xFF, 0xC3])
        #expect(headers.first("x")?.utf8 == nil)
    }

    @Test("names match without regard to ASCII case and to nothing else")
    func namesMatch() {
        let headers: Headers = ["Content-Type": "a", "X@": "b"]
        #expect(headers.first("cONTENT-tYPE") == "a")
        #expect(headers.first("Content-Typ") == nil)
        #expect(headers.first("X`") == nil)
        #expect(headers.contains("x@"))
        #expect(headers.index(of: "x@") == 1 && headers.index(of: "x@", from: 2) == nil)
    }

    @Test("values gives all lines of a name in order")
    func valuesOfAllLines() {
        let headers: Headers = ["Set-Cookie": "a", "X": "-", "set-cookie": "b"]
        #expect(headers.values("SET-COOKIE") == ["a", "b"])
        #expect(headers.values("none").isEmpty)
    }

    @Test(
        "set keeps the first line's place and case and removes further ones", arguments: ["n", "new and longer than before", ""])
    func setReplaces(value: String) {
        var headers: Headers = ["A": "1", "ViA": "old", "B": "2", "via": "x", "C": "3"]
        headers.set("Via", ByteString(value))
        #expect(headers == ["A": "1", "ViA": value, "B": "2", "C": "3"])
        #expect(wire(headers) == "A: 1\r\nViA: \(value)\r\nB: 2\r\nC: 3\r\n")
    }

    @Test("set adds a line when there is none")
    func setAppends() {
        var headers: Headers = ["A": "1"]
        headers.set("Via", "x")
        #expect(wire(headers) == "A: 1\r\nVia: x\r\n")
    }

    @Test("remove takes all lines of a name and leaves the rest in order")
    func removeTakesAll() {
        var headers: Headers = ["X": "1", "A": "2", "x": "3", "B": "4", "X": "5"]
        headers.remove("x")
        #expect(wire(headers) == "A: 2\r\nB: 4\r\n")
        headers.remove("missing")
        #expect(headers.count == 2)
    }

    @Test("removeAll takes the lines chosen by the closure")
    func removeAllChosen() {
        var headers: Headers = ["A": "keep", "B": "drop", "C": "keep"]
        headers.removeAll { _, value in value.elementsEqual("drop".utf8) }
        #expect(wire(headers) == "A: keep\r\nC: keep\r\n")
    }

    @Test("a value that is replaced many times does not grow the block without end")
    func replacedValuesAreReclaimed() {
        var headers: Headers = ["A": "1", "B": "2"]
        for length in 1...2000 { headers.set("A", ByteString(String(repeating: "v", count: length % 64 + 1))) }
        #expect(headers.first("A")?.bytes.count == 2000 % 64 + 1)
        #expect(headers.first("B") == "2")
        #expect(headers.map(\.name) == ["A", "B"])
    }

    @Test("untouched lines are one run of wire octets, spacing included")
    func untouchedIsOneRun() {
        let block = Array("A:1\r\nB: \t 2\r\n".utf8)
        var headers = Headers(
            block: block,
            lines: [
                .init(nameStart: 0, nameEnd: 1, valueStart: 2, valueEnd: 3),
                .init(nameStart: 5, nameEnd: 6, valueStart: 10, valueEnd: 11),
            ], names: NameSet("A", "B"))
        #expect(runs(headers) == 1)
        #expect(wire(headers) == "A:1\r\nB: \t 2\r\n")
        headers.append(name: "C", value: "3")
        #expect(runs(headers) == 1)
        headers.set("A", "longer")
        #expect(wire(headers) == "A: longer\r\nB: \t 2\r\nC: 3\r\n")
    }

    @Test("equality and hash look at lines, not at the layout of the block")
    func equalityByContent() {
        var changed: Headers = ["A": "1", "B": "2"]
        changed.set("A", "longer")
        let fresh: Headers = ["A": "longer", "B": "2"]
        #expect(changed == fresh)
        #expect(changed.hashValue == fresh.hashValue)
        #expect(fresh != ["B": "2", "A": "longer"])
        #expect(fresh != ["a": "longer", "B": "2"])
        #expect(fresh != ["A": "longer"])
    }

    @Test(
        "tokens splits, trims and lowers over all lines",
        arguments: [
            ([("Connection", "Close")], ["CLOSE"]),
            ([("connection", " keep-alive ,\tUpgrade,,"), ("Connection", "TE")], ["Keep-Alive", "UPGRADE", "te"]),
            ([("Connection", ""), ("Connection", ", ,")], []),
            ([("Other", "close")], []),
        ] as [([(String, String)], [StaticString])])
    func tokens(pairs: [(String, String)], expected: [StaticString]) {
        let headers = Headers(pairs)
        #expect(headers.tokens("Connection") == expected.map { "\($0)".lowercased() })
        for token in expected { #expect(headers.hasToken(token, in: "connection")) }
        #expect(!headers.hasToken("clos", in: "Connection"))
        #expect(!headers.hasToken("", in: "Connection"))
    }

    @Test(
        "only tokens are names",
        arguments: [
            ("Host", true), ("!#$%&'*+-.^_`|~09azAZ", true), ("", false), ("a b", false), ("a:", false), ("a\r", false),
            ("a(", false),
            ("é", false), ("a\u{7F}", false), ("a/", false), ("a@", false), ("a[", false), ("a{", false), ("\"", false),
            ("a,", false),
        ] as [(String, Bool)])
    func names(name: String, fits: Bool) {
        #expect(Headers.isName(ByteString(name)) == fits)
    }

    @Test(
        "values hold no control characters but HTAB and no outer whitespace",
        arguments: [
            ("", true), ("a\tb c", true), ("é", true), ("a\r\nb", false), ("a\n", false), ("\0", false), ("\u{7F}", false),
            (" a", false),
            ("a\t", false), ("\u{1}", false),
        ] as [(String, Bool)])
    func values(value: String, fits: Bool) {
        #expect(Headers.isValue(ByteString(value)) == fits)
    }
}

@Suite("ByteString")
struct ByteStringTests {
    @Test("text that is UTF-8 comes back; other octets show as U+FFFD only in the lossy form")
    func textAndOctets() {
        #expect(ByteString("grün").utf8 == "grün")
        #expect(ByteString([0x61, 0xFF]).string == "a\u{FFFD}")
        #expect(ByteString([0x61, 0xFF]).utf8 == nil)
        #expect(ByteString([]).isEmpty)
    }

    @Test("numbers are written as people write them", arguments: [0, 7, 10, 8080, 65535, .max, -1, .min])
    func numbers(number: Int) {
        var text = ByteString("n=")
        text.appendDecimal(number)
        #expect(text == ByteString("n=\(number)"))
    }

    @Test("common words are themselves, and no others are taken for them")
    func words() {
        for word in ["GET", "POST", "OK", "PUT", "get", "Ok", "", "GETS", "/"] {
            #expect(Array(word.utf8).withUnsafeBytes { ByteString(word: $0) } == ByteString(word))
        }
        let written: [(ByteString, String)] = [
            (.http11, "HTTP/1.1"), (.http10, "HTTP/1.0"), (.http2, "HTTP/2.0"), (.http, "http"), (.https, "https"), (.slash, "/"),
            (.get, "GET"), (.post, "POST"), (.ok, "OK"),
        ]
        for (common, text) in written { #expect(common.string == text) }
    }

    @Test("case is ignored for ASCII letters alone")
    func caseOfLetters() {
        #expect(ByteString("AbZ@").equalsIgnoringCase("aBz@"))
        #expect(!ByteString("@").equalsIgnoringCase("`"))
        #expect(!ByteString("[").equalsIgnoringCase("{"))
        #expect(!ByteString("É").equalsIgnoringCase("é" as ByteString))
    }
}
