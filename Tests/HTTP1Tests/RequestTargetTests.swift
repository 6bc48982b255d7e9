import FlowModel
import HTTP1
import Testing

@Suite("Request targets")
struct RequestTargetTests {
    static let good: [(String, String, RequestTarget)] = [
        ("GET", "/", .origin("/")),
        ("GET", "/a?b=http://c", .origin("/a?b=http://c")),
        ("GET", "//a/b", .origin("//a/b")),
        ("OPTIONS", "*", .asterisk),
        ("GET", "http://a/b?c", .absolute(scheme: "http", Authority(host: "a"), path: "/b?c")),
        ("GET", "HTTPS://A:8443", .absolute(scheme: "https", Authority(host: "A", port: 8443), path: "/")),
        ("GET", "http://a?q", .absolute(scheme: "http", Authority(host: "a"), path: "/?q")),
        ("OPTIONS", "http://a", .absolute(scheme: "http", Authority(host: "a"), path: "*")),
        ("OPTIONS", "http://a/", .absolute(scheme: "http", Authority(host: "a"), path: "/")),
        ("GET", "http://[2001:db8::1]:80/", .absolute(scheme: "http", Authority(host: "2001:db8::1", port: 80), path: "/")),
        ("GET", "http://a/@b:c", .absolute(scheme: "http", Authority(host: "a"), path: "/@b:c")),
        ("CONNECT", "a:443", .authority(Authority(host: "a", port: 443))),
        ("CONNECT", "[::1]:443", .authority(Authority(host: "::1", port: 443))),
    ]

    @Test("each form is recognised", arguments: good)
    func recognised(method: String, target: String, expected: RequestTarget) throws {
        #expect(try RequestTarget(ByteString(target), method: ByteString(method)) == expected)
    }

    static let bad: [(String, String, RequestTarget.Failure)] = [
        ("GET", "*", .asteriskWithoutOptions),
        ("GET", "a", .noForm),
        ("GET", "a:80", .noForm),
        ("GET", "http:/a", .noForm),
        ("GET", "**", .noForm),
        ("GET", "://a/", .badScheme),
        ("GET", "1http://a/", .badScheme),
        ("GET", "ht_tp://a/", .badScheme),
        ("GET", "http:///a", .authority(.emptyHost)),
        ("GET", "http://:80/", .authority(.emptyHost)),
        ("GET", "http://u:p@a/", .authority(.userinfo)),
        ("GET", "http://a:x/", .authority(.badPort)),
        ("GET", "http://a:65536/", .authority(.badPort)),
        ("GET", "http://[::1/", .authority(.badHost)),
        ("CONNECT", "a", .authority(.missingPort)),
        ("CONNECT", "u@a:443", .authority(.userinfo)),
        ("CONNECT", "/a", .authority(.badHost)),
        ("CONNECT", "http://a:443", .authority(.badPort)),
        ("CONNECT", ":443", .authority(.emptyHost)),
        ("CONNECT", "", .authority(.emptyHost)),
    ]

    @Test("what has no form is refused with the reason", arguments: bad)
    func refused(method: String, target: String, failure: RequestTarget.Failure) {
        #expect(throws: failure) { try RequestTarget(ByteString(target), method: ByteString(method)) }
    }

    @Test(
        "an authority is read and written back",
        arguments: [
            "a", "a.b:1", "A_b-c.~:65535", "192.0.2.1:80", "[::1]", "[2001:db8::ff00:42:8329]:443", "[::ffff:192.0.2.1]:1",
            "%41:80",
        ])
    func authorities(text: String) throws {
        #expect(try Authority(text.utf8).description == text)
    }

    @Test(
        "a malformed authority is refused with the reason",
        arguments: [
            ("", .emptyHost), (":1", .emptyHost), ("a:", .badPort), ("a:0", .badPort), ("a:+1", .badPort), ("a:1:2", .badPort),
            ("a:000080", .badPort), ("a b", .badHost), ("a\\b", .badHost), ("a#", .badHost), ("\u{E9}", .badHost),
            ("a\0", .badHost),
            ("[]", .badHost), ("[a]", .badHost), ("[::1", .badHost), ("[::1]a", .badHost), ("[::1]:", .badPort),
            ("[fe80::1%25eth0]", .badHost),
            ("[1.2.3.4]", .badHost), ("u@a", .userinfo), ("@", .userinfo), ("a]", .badHost),
        ] as [(String, Authority.Failure)])
    func badAuthorities(text: String, failure: Authority.Failure) {
        #expect(throws: failure) { try Authority(text.utf8) }
    }
}
