import Testing

@testable import FlowModel

@Suite struct FilterRegularExpressionTests {
    @Test(
        "a pattern sees bytes",
        arguments: [
            ("^.$", [0xFF], true), ("^..$", Array("é".utf8), true), ("^\\w$", [0xE9], false), ("\\xe9", [0xE9], true),
            ("é", Array("é".utf8), true),
            ("a\\x00b", [97, 0, 98], true), ("^$", [], true), ("", [], true), ("", [1], true), (".", [], false),
            ("b\\z", Array("ab\n".utf8), false), ("b$", Array("ab\n".utf8), true),
        ] as [(String, [UInt8], Bool)])
    func bytes(pattern: String, subject: [UInt8], matches: Bool) throws {
        #expect(try RegularExpression(pattern).matches(subject) == matches)
    }

    @Test("options change what dots, anchors and letters mean")
    func options() throws {
        #expect(try !RegularExpression("a.b", options: []).matches("a\nb"))
        #expect(try RegularExpression("a.b", options: .dotAll).matches("a\nb"))
        #expect(try !RegularExpression("^b", options: []).matches("a\nb"))
        #expect(try RegularExpression("^b", options: .multiline).matches("a\r\nb"))
        #expect(try RegularExpression("a$", options: .multiline).matches("a\r\nb"))
        #expect(try !RegularExpression("A", options: []).matches("a"))
        #expect(try RegularExpression("A", options: .caseless).matches("a"))
    }

    @Test("a pattern cannot switch to UTF mode", arguments: ["(*UTF)a", "(*UCP)a", "(*UTF8)a"])
    func noUTF(pattern: String) {
        #expect(throws: FilterError.self) { try RegularExpression(pattern) }
    }

    @Test("a pattern is bounded in length and in what it compiles to")
    func compileBounds() throws {
        _ = try RegularExpression(String(repeating: "a", count: RegularExpression.maximumPatternSize))
        #expect(throws: FilterError.self) {
            try RegularExpression(String(repeating: "a", count: RegularExpression.maximumPatternSize + 1))
        }
        #expect(throws: FilterError.self) { try RegularExpression("(((a{1,1000}){1,1000}){1,1000}){1,1000}") }
        #expect(throws: FilterError.self) {
            try RegularExpression(String(repeating: "(", count: 1000) + String(repeating: ")", count: 1000))
        }
    }

    @Test(
        "a hostile pattern gives up soon and counts as no match",
        arguments: [
            // Exponential; the limit of one attempt stops it.
            ("(a+)+$", 10_000), ("(a|aa)+$", 10_000), ("^(a?){30}a{30}$b", 10_000), ("(?R)?a+(?R)b", 10_000),
            // Quadratic: no single attempt is long, together they are.
            ("a.*[xy]", 1_000_000), ("a[^x]*[yz]", 1_000_000), ("(?:a|b)*[xy]", 1_000_000), ("a(?=.*[xy])", 1_000_000),
        ])
    func hostile(pattern: String, size: Int) throws {
        let subject = [UInt8](repeating: UInt8(ascii: "a"), count: size) + [UInt8(ascii: "!")]
        let regex = try RegularExpression(pattern, options: [.caseless, .dotAll])
        var matches = true
        let taken = ContinuousClock().measure { matches = regex.matches(subject) }
        #expect(!matches)
        #expect(taken < .seconds(5))
    }

    @Test(
        "an honest pattern finds its match at the end of a long body",
        arguments: [
            "needle$", "<title>.*needle", "a+needle", "[^z]*needle", "\\w+needle", "^.*?needle",
        ])
    func longSubject(pattern: String) throws {
        let subject = "<title>".utf8 + [UInt8](repeating: UInt8(ascii: " "), count: 4_000_000) + Array("aneedle".utf8)
        #expect(try RegularExpression(pattern, options: [.caseless, .dotAll]).matches(subject))
    }

    @Test(
        "long comparisons with a captured group are counted as work",
        arguments: [#"(a+b).*\1!"#, #"(?<x>a+b).*\k<x>!"#, "(?P<x>a+b).*(?P=x)!"])
    func references(pattern: String) throws {
        let run = [UInt8](repeating: UInt8(ascii: "a"), count: 200_000)
        let regex = try RegularExpression(pattern)
        var matches = true
        let taken = ContinuousClock().measure { matches = regex.matches(run + "b".utf8 + run + "c!".utf8) }
        #expect(!matches)
        #expect(taken < .seconds(5))
        #expect(regex.matches("aab aab!"))
    }

    @Test("one expression serves many threads at once")
    func shared() async throws {
        let regex = try RegularExpression("(b+)c")
        await withTaskGroup(of: Bool.self) { group in
            for index in 0..<64 {
                group.addTask { (0..<200).allSatisfy { regex.matches("a\(index)b\($0 % 2 == 0 ? "c" : "d")") == ($0 % 2 == 0) } }
            }
            for await correct in group { #expect(correct) }
        }
    }
}
