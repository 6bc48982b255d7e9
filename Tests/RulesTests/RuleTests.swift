import Codings
import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel
import Schema
import Testing

@testable import Rules

@Suite struct RuleTests {
    private func apply(_ rule: (any Rule)?, to flow: inout HTTPFlow, at moment: Moment = .request) throws {
        try #require(rule).apply(to: &flow, at: moment)
    }

    @Test("block_list answers, and 444 ends the flow; both leave a note")
    func blockList() throws {
        var blocked = flow("http://a.test/ad")
        try apply(BlockList(settings((options.blockList, "/~u ad/404"))), to: &blocked)
        #expect(blocked.response?.statusCode == 404 && blocked.metadata.json["blocklisted"] == true)
        var killed = flow("http://a.test/ad")
        #expect(throws: ProxyFailure.self) { try apply(BlockList(settings((options.blockList, "/~u ad/444"))), to: &killed) }
        #expect(killed.response == nil && killed.metadata.json["blocklisted"] == true)
        var other = flow("http://a.test/x")
        try apply(BlockList(settings((options.blockList, "/~u ad/404"))), to: &other)
        #expect(other == flow("http://a.test/x"))
    }

    @Test(
        "map_remote rewrites URLs with back references",
        arguments: [
            (#"|//([^/]+)/|//\1.example/"#, "http://a.test/x", "http://a.test.example/x"),
            (#"|a\.test|b.test:8080"#, "http://a.test/x?q", "http://b.test:8080/x?q"),
            (#"|http:|https:"#, "http://a.test/x", "https://a.test/x"), (#"|~m POST|a|b"#, "http://a.test/x", "http://a.test/x"),
            (#"|.*|not a url"#, "http://a.test/x", "http://a.test/x"),
        ])
    func mapRemote(value: String, url: String, result: String) throws {
        var moved = flow(url)
        try apply(MapRemote(settings((options.mapRemote, value)), quiet), to: &moved)
        #expect(moved.request.url == result)
        #expect(moved.request.headers.first("Host")?.string == moved.request.hostField.string)
    }

    /// As mitmproxy 11.0.2's `file_candidates` answered.
    @Test(
        "map_local finds its files below the folder",
        arguments: [
            ("h.test/", "http://h.test/a/b.css?x=1", ["/a/b.css", "/a/b.css/index.html"]),
            ("h.test/", "http://h.test/", ["/index.html"]),
            (#"h.test/(\w+)/"#, "http://h.test/js/app", ["/js", "/js/index.html"]),
            ("h.test", "http://h.test/../../etc/passwd", []), ("h.test", "http://h.test/%2e%2e/x", []),
            ("h.test/", "http://h.test/a%20b/", ["/a b", "/a b/index.html", "/a_b", "/a_b/index.html"]),
            ("h.test/(.*)", "http://h.test//etc", []), ("h.test/(x)?", "http://h.test/", ["/index.html"]),
            ("h.test", "http://h.test/a//b/./c", ["/a/b/c", "/a/b/c/index.html"]), ("other", "http://h.test/", nil),
        ] as [(String, String, [String]?)])
    func mapLocal(pattern: String, url: String, paths: [String]?) throws {
        let row = try MapLocal.Row("|\(pattern)|/etc")
        #expect(row.candidates(for: url) == paths?.map { "/etc\($0)" })
    }

    @Test("modify_body works on decoded bodies and puts the coding back")
    func modifyBody() throws {
        let plain = ByteBuffer(string: "one two")
        var changed = flow("http://a.test/", response: response(200, [("Content-Encoding", "gzip")]))
        let codings = BodyCodings(try #require(changed.response).headers)
        changed.response?.content = .bytes(try codings.encode(plain))
        let rule = try ModifyBody(settings((options.modifyBody, #"/(\w+) (\w+)/\\2 \g<1>"#)), quiet)
        try apply(rule, to: &changed, at: .response)
        let body = try #require(changed.response?.content.buffer)
        #expect(String(buffer: try codings.decode(body)) == #"two one"#)
    }

    @Test("modify_body acts on requests in request, and on bodies at hand only")
    func modifyRequest() throws {
        let rule = try ModifyBody(settings((options.modifyBody, "/a/b"), (options.modifyBody, "/~m PUT/b/c")), quiet)
        var put = flow("http://a.test/", "PUT", body: "aa")
        try apply(rule, to: &put)
        #expect(put.request.content.text == "cc")
        var post = flow("http://a.test/", "POST", body: "aa")
        try apply(rule, to: &post)
        #expect(post.request.content.text == "bb")
        post.request.content = .omitted(2)
        try apply(rule, to: &post)
        #expect(post.request.content == .omitted(2))
    }

    @Test("modify_headers asks all filters first, removes, then adds")
    func modifyHeaders() throws {
        let rule = try ModifyHeaders(
            settings(
                (options.modifyHeaders, "/A/1"), (options.modifyHeaders, "/A/2"), (options.modifyHeaders, "/B/"),
                (options.modifyHeaders, "/~hq B/C/yes")), quiet)
        var changed = flow("http://a.test/", "GET", [("a", "0"), ("B", "x")])
        try apply(rule, to: &changed, at: .requestHead)
        #expect(changed.request.headers.dropFirst().map { "\($0.name)=\($0.value)" } == ["A=1", "A=2", "C=yes"])
    }

    @Test("anticache and anticomp")
    func anti() throws {
        var changed = flow(
            "http://a.test/", "GET", [("If-None-Match", "x"), ("If-Modified-Since", "y"), ("Accept-Encoding", "br")])
        try apply(AntiCache(settings((options.antiCache, "true"))), to: &changed)
        try apply(AntiComp(settings((options.antiComp, "true"))), to: &changed)
        #expect(changed.request.headers.dropFirst().map { "\($0.name)=\($0.value)" } == ["Accept-Encoding=identity"])
    }

    @Test("stickyauth gives a host's last Authorization to requests without one")
    func stickyAuth() throws {
        let rule = try StickyAuth(settings((options.stickyAuth, "~u a")))
        var first = flow("http://a.test/", "GET", [("Authorization", "secret")])
        try apply(rule, to: &first)
        var second = flow("http://a.test/")
        try apply(rule, to: &second)
        #expect(second.request.headers.first("Authorization") == "secret")
        var other = flow("http://b.test/a")
        try apply(rule, to: &other)
        #expect(!other.request.headers.contains("Authorization"))
    }

    @Test("stickycookie gives cookies to the same port, path and domain, and forgets those that end")
    func stickyCookie() throws {
        let rule = try StickyCookie(settings((options.stickyCookie, ".")))
        func set(_ cookies: String...) throws {
            var seen = flow("http://x.y.test/", response: response(200, cookies.map { ("Set-Cookie", $0) }))
            try apply(rule, to: &seen, at: .response)
        }
        func given(_ url: String) throws -> String? {
            var asked = flow(url, "GET", [("Cookie", "own=1")])
            try apply(rule, to: &asked)
            return asked.request.headers.first("Cookie")?.string
        }
        try set("a=1; Path=/app", "b=2; Domain=.y.test", "c=3; Domain=y.test", "d=\"4 4\"; Max-Age=60; Secure")
        #expect(try given("http://x.y.test/app/1") == "a=1; b=2; d=\"4 4\"")
        #expect(try given("http://z.y.test/app") == "b=2")
        #expect(try given("http://x.y.test:81/app") == "own=1")
        try set("d=; Max-Age=0", "a=; Path=/app; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(try given("http://x.y.test/app/1") == "b=2")
    }

    /// As mitmproxy 11.0.2's `domain_match` answered, but for the last, which only contains the domain.
    @Test(
        "domains of cookies",
        arguments: [
            ("x.y.com", "y.com", false), ("x.y.com", ".y.com", true), ("y.com", ".y.com", true), ("X.y.com", ".y.com", true),
            ("127.0.0.1", ".0.0.1", false), ("ay.com", "y.com", false), ("ay.com", ".y.com", false),
            ("x.y.com.evil", ".y.com", false),
        ])
    func domains(host: String, domain: String, isOf: Bool) { #expect(StickyCookie.host(host, isOf: domain) == isOf) }

    @Test("upstream_auth is for a reverse proxy's server, and for the upstream proxy where that reads the request")
    func upstreamAuth() throws {
        let rule = try UpstreamAuth(settings((options.upstreamAuth, "user:pass:word")))
        var reverse = flow("http://a.test/", mode: "reverse:http://a.test")
        try apply(rule, to: &reverse, at: .requestHead)
        #expect(reverse.request.headers.first("Authorization") == "Basic dXNlcjpwYXNzOndvcmQ=")
        var asked = flow("http://a.test/", mode: "upstream:http://proxy.test")
        asked.server = Frozen(Server(id: "", address: nil))
        try apply(rule, to: &asked, at: .requestHead)
        #expect(asked.request.headers.first("Proxy-Authorization") == "Basic dXNlcjpwYXNzOndvcmQ=")
        var tunnel = flow("http://a.test/", mode: "upstream:http://proxy.test")
        try apply(rule, to: &tunnel, at: .connectUpstream)
        #expect(tunnel.request.headers.first("Proxy-Authorization") == "Basic dXNlcjpwYXNzOndvcmQ=")
        for (url, mode) in [
            ("http://a.test/", "regular"), ("https://a.test/", "upstream:http://proxy.test"),
            ("http://a.test/", "upstream:http://proxy.test"),
        ] {
            var other = flow(url, mode: mode)
            other.server = Frozen(Server(id: "", address: Address(host: "a.test", port: 80)))
            try apply(rule, to: &other, at: .requestHead)
            #expect(!other.request.headers.contains("Authorization") && !other.request.headers.contains("Proxy-Authorization"))
        }
    }
}
