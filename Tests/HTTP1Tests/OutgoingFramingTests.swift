import FlowModel
import HTTP1
import HTTPExchange
import ProxyKernel
import Testing

@Suite("Outgoing framing")
struct OutgoingFramingTests {
    struct RequestCase: Sendable {
        var before: Headers
        var length: BodyLength
        var peer = HTTPVersion.http11
        var after: Headers
        var framing: Framing?
    }

    static let requests: [RequestCase] = [
        // Lines that say it already stay as they are.
        .init(
            before: ["content-LENGTH": "3", "A": "b"], length: .exact(3), after: ["content-LENGTH": "3", "A": "b"],
            framing: .length(3)),
        .init(
            before: ["te": "x", "Transfer-encoding": "CHUNKED"], length: .unknown,
            after: ["te": "x", "Transfer-encoding": "CHUNKED"], framing: .chunked),
        .init(before: ["A": "b"], length: .none, after: ["A": "b"], framing: Framing.none),
        // Others are corrected in place.
        .init(
            before: ["content-LENGTH": "4", "A": "b"], length: .exact(3), after: ["content-LENGTH": "3", "A": "b"],
            framing: .length(3)),
        .init(before: ["Content-Length": "03"], length: .exact(3), after: ["Content-Length": "3"], framing: .length(3)),
        .init(before: ["Content-Length": "3, 3"], length: .exact(3), after: ["Content-Length": "3"], framing: .length(3)),
        .init(
            before: ["Content-Length": "3", "A": "b", "content-length": "3"], length: .exact(3),
            after: ["Content-Length": "3", "A": "b"], framing: .length(3)),
        .init(before: ["Content-Length": "x"], length: .exact(0), after: ["Content-Length": "0"], framing: .length(0)),
        .init(
            before: ["Transfer-Encoding": "chunked", "A": "b"], length: .exact(3), after: ["A": "b", "Content-Length": "3"],
            framing: .length(3)),
        .init(
            before: ["Content-Length": "3", "A": "b"], length: .unknown, after: ["A": "b", "Transfer-Encoding": "chunked"],
            framing: .chunked),
        .init(
            before: ["Transfer-Encoding": "gzip", "Transfer-Encoding": "chunked"], length: .unknown,
            after: ["Transfer-Encoding": "chunked"], framing: .chunked),
        .init(before: ["Content-Length": "3", "Transfer-Encoding": "chunked"], length: .none, after: [:], framing: Framing.none),
        // What HTTP/1.0 cannot say.
        .init(
            before: ["A": "b", "Content-Length": "9"], length: .unknown, peer: .http10, after: ["A": "b", "Content-Length": "9"],
            framing: nil),
        .init(before: [:], length: .exact(3), peer: .http10, after: ["Content-Length": "3"], framing: .length(3)),
    ]

    @Test("a request gets exactly the framing of its body", arguments: requests)
    func request(row: RequestCase) {
        var headers = row.before
        #expect(OutgoingFraming.apply(toRequest: &headers, length: row.length, peer: row.peer) == row.framing)
        #expect(headers == row.after)
    }

    struct ResponseCase: Sendable {
        var status = 200
        var method: ByteString = "GET"
        var before: Headers
        var length: BodyLength
        var peer = HTTPVersion.http11
        var after: Headers
        var framing: Framing
    }

    static let responses: [ResponseCase] = [
        .init(before: ["content-length": "3"], length: .exact(3), after: ["content-length": "3"], framing: .length(3)),
        .init(before: ["A": "b"], length: .unknown, after: ["A": "b", "Transfer-Encoding": "chunked"], framing: .chunked),
        .init(before: ["Transfer-Encoding": "chunked"], length: .unknown, peer: .http10, after: [:], framing: .untilClose),
        .init(before: ["A": "b"], length: .none, after: ["A": "b", "Content-Length": "0"], framing: .length(0)),
        // 1xx, 204 and 2xx to CONNECT say nothing of a body.
        .init(status: 204, before: ["Content-Length": "0"], length: .exact(0), after: [:], framing: .none),
        .init(status: 101, before: ["Transfer-Encoding": "chunked"], length: .none, after: [:], framing: .none),
        .init(status: 200, method: "CONNECT", before: ["Content-Length": "0"], length: .none, after: [:], framing: .none),
        .init(
            status: 407, method: "CONNECT", before: ["Content-Length": "2"], length: .exact(2), after: ["Content-Length": "2"],
            framing: .length(2)),
        // HEAD and 304 say what the body would have been.
        .init(method: "HEAD", before: ["content-length": "9"], length: .none, after: ["content-length": "9"], framing: .none),
        .init(method: "HEAD", before: ["A": "b"], length: .none, after: ["A": "b"], framing: .none),
        .init(
            method: "HEAD", before: ["Transfer-Encoding": "chunked"], length: .none, after: ["Transfer-Encoding": "chunked"],
            framing: .none),
        .init(method: "HEAD", before: ["Transfer-Encoding": "chunked"], length: .none, peer: .http10, after: [:], framing: .none),
        .init(
            method: "HEAD", before: ["Transfer-Encoding": "chunked", "Content-Length": "9"], length: .none,
            after: ["Transfer-Encoding": "chunked"], framing: .none),
        .init(method: "HEAD", before: ["Content-Length": "9"], length: .exact(5), after: ["Content-Length": "5"], framing: .none),
        .init(
            status: 304, before: ["Content-Length": "9", "Content-Length": "9"], length: .none, after: ["Content-Length": "9"],
            framing: .none),
        .init(status: 304, before: ["Content-Length": "9", "Content-Length": "8"], length: .none, after: [:], framing: .none),
    ]

    @Test("a response gets exactly the framing of its body", arguments: responses)
    func response(row: ResponseCase) {
        var headers = row.before
        let framing = OutgoingFraming.apply(
            toResponse: &headers, status: row.status, method: row.method, length: row.length, peer: row.peer)
        #expect(framing == row.framing)
        #expect(headers == row.after)
    }

    @Test(
        "what stands on a connection's line decides whether it goes on",
        arguments: [
            (.http11, [:], true), (.http11, ["Connection": "x, Close"], false), (.http11, ["Connection": "closed"], true),
            (.http10, [:], false), (.http10, ["connection": "Keep-Alive"], true),
            (.http10, ["Connection": "keep-alive, close"], false),
        ] as [(HTTPVersion, Headers, Bool)])
    func persistence(version: HTTPVersion, headers: Headers, persists: Bool) {
        #expect(Persistence.persists(version, headers) == persists)
    }

    @Test("a head is made to say whether the connection goes on", arguments: [HTTPVersion.http10, .http11], [true, false])
    func sayingPersistence(peer: HTTPVersion, persists: Bool) {
        for before in [[:], ["Connection": "close"], ["connection": "keep-alive"], ["Connection": "TE, close"]] as [Headers] {
            var headers = before
            Persistence.apply(to: &headers, persists: persists, peer: peer)
            #expect(Persistence.persists(peer, headers) == persists)
            #expect(headers.hasToken("te", in: "Connection") == before.hasToken("te", in: "Connection"))
            if Persistence.persists(peer, before) == persists { #expect(headers == before) }
        }
    }

    static let hops: [(Headers, Bool, Headers)] = [
        (["A": "b", "Host": "a"], false, ["A": "b", "Host": "a"]),
        (["Connection": "close, X-Hop", "x-hop": "1", "A": "b", "X-HOP": "2"], false, ["A": "b"]),
        (["Keep-Alive": "timeout=5", "Proxy-Connection": "keep-alive", "A": "b"], false, ["A": "b"]),
        (["Upgrade": "h2c", "HTTP2-Settings": "x", "Connection": "Upgrade, HTTP2-Settings"], false, [:]),
        (
            ["Upgrade": "websocket", "connection": "keep-alive, upgrade"], true,
            ["Upgrade": "websocket", "connection": "Upgrade"]
        ),
        (["Upgrade": "websocket"], true, ["Upgrade": "websocket", "Connection": "Upgrade"]),
        (["Connection": "upgrade"], true, [:]),
        (["TE": "gzip, Trailers", "Connection": "TE"], false, ["TE": "trailers", "Connection": "TE"]),
        (["TE": "gzip"], false, [:]),
        // What Connection may not take out.
        (
            ["Connection": "Host, Content-Length, Cookie", "Host": "a", "Content-Length": "1", "Cookie": "c"], false,
            ["Host": "a", "Content-Length": "1", "Cookie": "c"]
        ),
        (
            ["Proxy-Authenticate": "x", "Proxy-Authorization": "y"], false,
            ["Proxy-Authenticate": "x", "Proxy-Authorization": "y"]
        ),
        (["Transfer-Encoding": "chunked", "Trailer": "x"], false, ["Transfer-Encoding": "chunked", "Trailer": "x"]),
    ]

    @Test("fields for one hop are taken out and no others", arguments: hops)
    func hopByHop(before: Headers, relaying: Bool, after: Headers) {
        var headers = before
        HopByHop.strip(&headers, relayingUpgrade: relaying)
        #expect(headers == after)
    }
}
