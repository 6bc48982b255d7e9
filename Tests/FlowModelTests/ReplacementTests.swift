import Testing

@testable import FlowModel

/// The expected values are what `re.sub` of Python 3.11 returned for the same arguments as bytes.
@Suite struct ReplacementTests {
    @Test(
        "matches are replaced as Python's re.sub does",
        arguments: [
            ("x*", "-", "abxd", "-a-b--d-"), ("a|", "-", "baac", "-b---c-"), ("(a)|b", #"[\1]"#, "ab", "[a][]"),
            ("(?P<n>.)", #"\g<n>\g<1>\g<0>"#, "ab", "aaabbb"), ("a", #"\0"#, "a", "\0"), ("(a)", #"\101\n\.\\"#, "a", "A\n\\.\\"),
            ("a", #"\08"#, "a", "\u{0}8"), ("a", #"\g<00>x"#, "a", "ax"), ("$", "-", "a\n", "a-\n-"),
            ("(?=b)", "-", "abb", "a-b-b"), (#"\b"#, "|", "ab cd", "|ab| |cd|"), ("a*?", "-", "aab", "-----b-"),
            ("A", "-", "a", "a"), ("", "-", "", "-"),
        ])
    func replaces(pattern: String, template: String, subject: String, result: String) throws {
        let replacement = try Replacement(Array(template.utf8), for: RegularExpression(pattern, options: []))
        #expect(replacement.replacingMatches(in: Array(subject.utf8)) == Array(result.utf8))
    }

    @Test(
        "templates that Python refuses are refused",
        arguments: [
            #"\q"#, #"\2"#, #"\g<x>"#, #"\g<"#, #"\"#, #"\1\10"#, #"\400"#, #"\g<-1>"#, #"\g<>"#, #"\g1"#,
            #"\g<99999999999999999999>"#,
        ])
    func refuses(template: String) throws {
        let regex = try RegularExpression("(a)", options: [])
        #expect(throws: Replacement.Failure.self) { try Replacement(Array(template.utf8), for: regex) }
    }

    @Test("a search that exceeds its bound replaces nothing")
    func bound() throws {
        let replacement = try Replacement([], for: RegularExpression("(a*)*b|c", options: []))
        #expect(replacement.replacingMatches(in: Array("c".utf8) + [UInt8](repeating: 0x61, count: 100_000)) == nil)
    }

    @Test("patterns may hold octets outside UTF-8")
    func octets() throws {
        let replacement = try Replacement([0xFE], for: RegularExpression(octets: [0xFF], options: []))
        #expect(replacement.replacingMatches(in: [0x61, 0xFF]) == [0x61, 0xFE])
    }
}
