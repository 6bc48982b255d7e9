import Testing

@testable import FlowExport

@Suite struct CookiesTests {
    @Test(
        "a Cookie value is read into pairs, permissively",
        arguments: [
            ("a=1; b=2", [["a", "1"], ["b", "2"]]),
            ("a=\"x;y\"; b=2", [["a", "x;y"], ["b", "2"]]),
            (#"a="q\"q""#, [["a", "q\"q"]]),
            ("flag; a=", [["flag", ""], ["a", ""]]),
            ("a=1=2; =x", [["a", "1=2"], ["", "x"]]),
            ("", []), (";;", []),
        ])
    func cookie(text: String, pairs: [[String]]) {
        #expect(Cookies.pairs(text).map { [$0.name, $0.value] } == pairs)
    }

    @Test("a Set-Cookie value keeps its attributes in order, and a date's comma begins no cookie")
    func setCookie() {
        let cookies = Cookies.settings("a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT; Path=/x; HttpOnly, b=2; SameSite=Lax")
        #expect(cookies.map(\.name) == ["a", "b"])
        #expect(cookies[0]["expires"] == "Thu, 01 Jan 2026 00:00:00 GMT")
        #expect(cookies[0]["path"] == "/x")
        #expect(cookies[0].has("httponly") && cookies[0]["httponly"] == nil)
        #expect(cookies[1]["samesite"] == "Lax")
        #expect(Cookies.settings("").isEmpty)
    }
}
