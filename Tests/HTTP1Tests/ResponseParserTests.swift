import FlowModel
import HTTP1
import NIOCore
import Testing

@Suite("Responses")
struct ResponseParserTests {
    @Test("the events are the same however the octets are cut", arguments: GoodMessages.responses)
    func anyCut(input: String) {
        let whole = hearResponses(input)
        #expect(whole.failure == nil)
        for pieces in cuts(octets(input)) { #expect(hearResponses(pieces) == whole) }
    }

    @Test("a response without framing fields ends with the connection")
    func untilClose() {
        let head = ResponseHead(version: .http10, status: 200, reason: "OK")
        #expect(
            hearResponses("HTTP/1.0 200 OK\r\n\r\nab") == [.response(head, .untilClose), .body(octets("ab")), .end(nil), .closed])
    }

    @Test(
        "some responses have no body whatever their fields say",
        arguments: [
            ("HEAD", "200 OK", "Content-Length: 5"), ("HEAD", "200 OK", "Transfer-Encoding: chunked"),
            ("GET", "204 No", "Content-Length: 5"),
            ("GET", "304 Not", "Transfer-Encoding: chunked"), ("GET", "304 Not", "Content-Length: 5"),
            ("HEAD", "404 Not", "A: b"),
        ])
    func bodiless(method: String, status: String, line: String) {
        let heard = hearResponses(
            "HTTP/1.1 \(status)\r\n\(line)\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", to: [method, "GET"])
        guard case .response(_, .none) = heard.first else { return #expect(Bool(false), "\(heard)") }
        let next = ResponseHead(status: 200, reason: "OK", headers: ["Content-Length": "0"])
        #expect(heard.dropFirst() == [.end(nil), .response(next, .length(0)), .end(nil), .closed])
    }

    @Test("responses 1xx are told apart from the response and do not use up a request")
    func informational() {
        let heard = hearResponses("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nLink: a\r\n\r\nHTTP/1.1 204 \r\n\r\n")
        #expect(
            heard == [
                .informational(ResponseHead(status: 100, reason: "Continue")),
                .informational(ResponseHead(status: 103, headers: ["Link": "a"])),
                .response(ResponseHead(status: 204), .none), .end(nil), .closed,
            ])
    }

    @Test(
        "behind 101 and 2xx to CONNECT all octets belong to the next protocol",
        arguments: [("GET", "101 Switching"), ("CONNECT", "200 OK"), ("CONNECT", "299 ")])
    func detached(method: String, status: String) {
        var parser = ResponseParser()
        parser.expectResponse(toMethod: ByteString(method))
        parser.received(ByteBuffer(string: "HTTP/1.1 \(status)\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\n\r\nHTTP/"))
        guard case .head(_, .none) = parser.next() else { return #expect(Bool(false), "no head") }
        #expect(parser.next() == .end(trailers: nil))
        #expect(parser.isDetached)
        parser.received(ByteBuffer(string: "1.1"))
        #expect(parser.next() == .needMore)
        #expect(parser.takeRemaining() == ByteBuffer(string: "HTTP/1.1"))
    }

    @Test("a refused CONNECT has an ordinary body")
    func refusedConnect() {
        let heard = hearResponses("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nab", to: ["CONNECT"])
        #expect(heard.suffix(3) == [.body(octets("ab")), .end(nil), .closed])
    }

    @Test("octets that no request asked for are a failure")
    func unsolicited() {
        #expect(hearResponses("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naX").failure == .unsolicitedResponse)
        #expect(hearResponses("H", to: []) == [.failed(.unsolicitedResponse)])
        #expect(hearResponses("", to: []) == [.closed])
    }

    static let violations: [(String, MessageFailure)] = [
        ("HTTP/1.1\r\n", .badStatusLine),
        ("\r\n", .badStatusLine),
        ("HTTP/1.1  200 OK\r\n", .badStatus(" 20")),
        ("HTTP/1.1 20 OK\r\n", .badStatus("20 ")),
        ("HTTP/1.1 20\r\n", .badStatus("20")),
        ("HTTP/1.1 \r\n", .badStatus("")),
        ("HTTP/1.1 099 OK\r\n", .badStatus("099")),
        ("HTTP/1.1 +20 OK\r\n", .badStatus("+20")),
        ("HTTP/1.1 2000 OK\r\n", .badStatusLine),
        ("HTTP/1.1 200OK\r\n", .badStatusLine),
        ("HTTP/1.1 200 O\0K\r\n", .badReason),
        ("HTTP/1.1 200 O\rK\r\n", .bareCarriageReturn(.init(.head, line: 1))),
        ("HTTP/1.1 200 OK\n", .bareLineFeed(.init(.head, line: 1))),
        ("http/1.1 200 OK\r\n", .badVersion("http/1.1")),
        ("HTTP/2.0 200 OK\r\n", .unsupportedVersion("HTTP/2.0")),
        ("ICY 200 OK\r\n", .badStatusLine),
        ("<html>\r\n", .badStatusLine),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n", .foldedLine(.init(.head, line: 3))),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .lengthAndTransferEncoding),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .differingContentLengths(1, 2)),
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", .badContentLength("x")),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", .chunkedRepeated),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", .chunkedNotLast),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unknownTransferCoding("gzip")),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", .closedInBody(received: 3, expected: 5)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", .closedInBody(received: 3, expected: nil)),
        ("HTTP/1.1 200", .closedInHead(received: 12)),
    ]

    @Test("a bad response is refused, at every cut", arguments: violations)
    func violation(input: String, failure: MessageFailure) {
        #expect(hearResponses(input).failure == failure)
        for pieces in cuts(octets(input)) { #expect(hearResponses(pieces).failure == failure) }
    }
}
