import FlowModel
import HTTP1
import NIOCore
import Testing

@Suite("Requests")
struct RequestParserTests {
    private func get(_ target: ByteString = "/", headers: Headers = ["Host": "a"]) -> RequestHead {
        RequestHead(method: "GET", target: target, headers: headers)
    }

    @Test("a request without framing fields has no body")
    func withoutBody() {
        #expect(hearRequests("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == [.request(get(), .none), .end(nil), .closed])
    }

    @Test("a body of known length ends where it said")
    func knownLength() {
        let head = RequestHead(method: "POST", target: "/x?y", headers: ["Host": "a:80", "Content-Length": "3"])
        let heard = hearRequests("POST /x?y HTTP/1.1\r\nHost: a:80\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(heard == [.request(head, .length(3)), .body(octets("abc")), .end(nil), .request(get(), .none), .end(nil), .closed])
    }

    @Test("chunks are joined, extensions dropped, trailers kept and forbidden ones dropped")
    func chunks() {
        let input =
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=\"b\";c\r\nabc\r\n00A\r\n0123456789\r\n0;last\r\n"
            + "X-Sum: 1\r\nContent-Length: 5\r\nHost: evil\r\n\r\n"
        let head = RequestHead(method: "POST", target: "/", headers: ["Host": "a", "Transfer-Encoding": "Chunked"])
        #expect(
            hearRequests(input) == [.request(head, .chunked), .body(octets("abc0123456789")), .end(["X-Sum": "1"]), .closed])
    }

    @Test("trailers that are all forbidden are no trailers")
    func forbiddenTrailers() {
        let input = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: x\r\nAuthorization: y\r\n\r\n"
        #expect(hearRequests(input).suffix(2) == [.end(nil), .closed])
    }

    @Test("the events are the same however the octets are cut", arguments: GoodMessages.requests)
    func anyCut(input: String) {
        let whole = hearRequests(input)
        #expect(whole.failure == nil)
        for pieces in cuts(octets(input)) { #expect(hearRequests(pieces) == whole) }
    }

    @Test("a hundred pipelined requests come out in order")
    func pipelining() {
        let input = (0..<100).map { "POST /\($0) HTTP/1.1\r\nHost: a\r\nContent-Length: \($0 % 3)\r\n\r\n" + String(repeating: "b", count: $0 % 3) }
        let heard = hearRequests(input.joined())
        let targets = heard.compactMap { event -> String? in
            if case .request(let head, _) = event { return head.target.string }
            return nil
        }
        #expect(targets == (0..<100).map { "/\($0)" })
        #expect(heard.last == .closed)
    }

    @Test("a few empty lines before a request line are skipped", arguments: 0...4)
    func emptyLines(count: Int) {
        let input = String(repeating: "\r\n", count: count)
        #expect(hearRequests(input + "GET / HTTP/1.1\r\nHost: a\r\n\r\n") == [.request(get(), .none), .end(nil), .closed])
        #expect(hearRequests(input) == [.closed])
    }

    @Test("a body is handed on before it is complete")
    func bodyStreams() {
        var parser = RequestParser()
        parser.received(ByteBuffer(string: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"))
        guard case .head = parser.next() else { return #expect(Bool(false), "no head") }
        #expect(parser.next() == .body(ByteBuffer(string: "abc")))
        #expect(parser.next() == .needMore)
        parser.received(ByteBuffer(string: "def"))
        #expect(parser.next() == .body(ByteBuffer(string: "def")))
    }

    @Test("octets behind CONNECT and Upgrade are held for the protocol that follows", arguments: ["CONNECT a:1", "GET /"])
    func heldOctets(start: String) {
        var parser = RequestParser()
        parser.received(ByteBuffer(string: "\(start) HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n\u{16}\u{3}GET"))
        guard case .head(_, .none) = parser.next() else { return #expect(Bool(false), "no head") }
        #expect(parser.next() == .end(trailers: nil))
        #expect(parser.isHeld)
        #expect(parser.next() == .needMore)
        #expect(parser.takeRemaining() == ByteBuffer(string: "\u{16}\u{3}GET"))
        parser.received(ByteBuffer(string: "more"))
        #expect(parser.next() == .needMore)
        #expect(parser.takeRemaining() == ByteBuffer(string: "more"))
    }

    @Test("a refused upgrade makes the held octets the next request, told before the body's end or after it", arguments: [true, false])
    func refusedUpgrade(early: Bool) {
        var parser = RequestParser()
        parser.received(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"))
        guard case .head = parser.next() else { return #expect(Bool(false), "no head") }
        if early { parser.upgradeRefused() }
        #expect(parser.next() == .end(trailers: nil))
        if !early { parser.upgradeRefused() }
        #expect(parser.next() == .head(get("/2"), .none))
    }

    @Test("a failure repeats itself whatever comes after")
    func failureStays() {
        var parser = RequestParser()
        parser.received(ByteBuffer(string: "GET\r\n"))
        #expect(parser.next() == .failed(.badRequestLine))
        parser.received(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(parser.next() == .failed(.badRequestLine))
    }

    @Test("HTTP/1.0 needs no Host")
    func oldVersion() {
        let head = RequestHead(method: "GET", target: "/", version: .http10)
        #expect(hearRequests("GET / HTTP/1.0\r\n\r\n") == [.request(head, .none), .end(nil), .closed])
    }

    @Test(
        "Content-Length that says the same twice counts once",
        arguments: ["Content-Length: 2\r\nContent-Length: 2", "Content-Length: 2, 2", "Content-Length: 2 ,\t2\r\ncontent-length: 02"])
    func equalLengths(lines: String) {
        let heard = hearRequests("POST / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\nab")
        #expect(heard.suffix(3) == [.body(octets("ab")), .end(nil), .closed])
    }
}

/// Messages that every rule allows.
enum GoodMessages {
    static let requests = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHOST:a\r\nx-\u{7C}:\u{80}\u{FF}\tb\r\nEmpty:\r\n\r\nHEAD http://a:80/ HTTP/1.1\r\nhost: \t [::1]:80 \t\r\n\r\n",
        "POST /\u{80}\u{FF} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\0\r\n\u{FF}xPUT / HTTP/1.1\r\nHost:\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: , chunked\r\n\r\n1;x=y\r\na\r\nB\r\n0123456789a\r\n0\r\nT: \u{E9}\r\nU:\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\u{16}\u{3}\u{1}",
    ]

    static let responses = [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: x\r\n\r\nHTTP/1.1 204\r\nContent-Length: 4\r\n\r\n",
        "HTTP/1.0 200 \u{E9}t\u{E9}\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\nuntil\r\n\r\nclose",
        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab\r\nc\r\n0\r\nEtag: \"x\"\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n\0\u{1}\u{2}",
        "HTTP/1.1 999 \r\nTransfer-Encoding: gzip\r\n\r\nabc",
    ]
}
