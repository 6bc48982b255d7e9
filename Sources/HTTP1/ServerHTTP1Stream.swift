import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel

/// One exchange on a server's HTTP/1 connection: writes the request, reads the response. A shell around `ResponseParser`.
final class ServerHTTP1Stream: ServerStream, ByteConsumer {
    private let server: ServerConnection
    private let session: Session
    private var parser = ResponseParser()
    private var framing = Framing.none
    private var requestIsComplete = false
    private var serverPersists = true
    private var isOver = false
    /// A 101 has come: what follows is of another protocol, and waits for whoever speaks it.
    private var isSwitching = false
    private(set) var responseHasBegun = false
    private(set) var length = BodyLength.none
    let head: AwaitedHead
    let response: BodyPipe
    var client: (any ClientStream)?
    weak var feeding: (any BodySource)?

    init(_ server: ServerConnection, _ session: isolated Session) {
        self.server = server
        self.session = session
        head = AwaitedHead(on: session.loop)
        response = BodyPipe { [peer = server.peer] in peer.setReading($0) }
        server.peer.consumer = self
    }

    private var name: String { server.name }

    /// The whole URL where a proxy is asked for it, the path elsewhere.
    private func target(of boxed: Boxed<Request>) -> ByteString {
        guard case .asked = server.key.route else { return boxed.value.path }
        let request = boxed.value
        let path = request.path.isExactly("*") ? "" : request.path.string
        return ByteString("http://\(Authority(host: request.host, port: request.port == 80 ? nil : request.port))\(path)")
    }

    // MARK: The request

    var takesBody: Bool { server.peer.isWritable }

    func sendHead(_ request: Boxed<Request>, length: BodyLength) throws(ProxyFailure) {
        var head = RequestHead(method: request.value.method, target: target(of: request), headers: request.value.headers)
        let upgrades = head.headers.hasToken("upgrade", in: "Connection")
        HopByHop.strip(&head.headers, relayingUpgrade: upgrades)
        guard let framing = OutgoingFraming.apply(toRequest: &head.headers, length: length, peer: .http11) else {
            throw ProxyFailure(
                .badMessage(status: 411), fault: .client, "the request's body has no length that \(name) could understand")
        }
        self.framing = framing
        if !head.headers.contains("Host") {
            head.headers.append(name: "Host", value: request.value.hostHeader ?? request.value.hostField)
        }
        if request.value.isHTTP2 { head.headers.joinCookies() }
        var bytes = server.peer.buffer(capacity: 512 + framing.smallLength)
        MessageWriter.write(head, into: &bytes)
        parser.expectResponse(toMethod: request.value.method)
        server.peer.write(bytes)
    }

    func body(_ bytes: ByteBuffer) {
        guard framing == .chunked else { return server.peer.write(bytes) }
        var chunk = server.peer.buffer(capacity: bytes.readableBytes + 16)
        MessageWriter.writeChunk(bytes, into: &chunk)
        server.peer.write(chunk)
    }

    func bodyEnded(trailers: Headers?) {
        requestIsComplete = true
        guard framing == .chunked else { return }
        var end = server.peer.buffer(capacity: 64)
        MessageWriter.writeLastChunk(trailers: trailers, into: &end)
        server.peer.write(end)
    }

    /// The client's body broke off: the server must not take it for complete.
    func bodyFailed(_ failure: ProxyFailure) {
        head.fail(failure)
        abort()
    }

    // MARK: The response

    func received(_ bytes: ByteBuffer, on session: isolated Session) {
        responseHasBegun = true
        parser.received(bytes)
        pump(on: session)
    }

    func inputClosed(on session: isolated Session) {
        parser.inputClosed()
        pump(on: session)
    }

    func becameWritable(on session: isolated Session) { feeding?.sinkIsReady() }

    func closed(on session: isolated Session) {
        parser.inputClosed()
        pump(on: session)
    }

    private func pump(on session: isolated Session) {
        while !isOver, !isSwitching {
            switch parser.next() {
            case .needMore: return
            case .informational(let head): client?.sendInformational(Response(head))
            case .head(let head, let framing):
                length = framing.bodyLength
                serverPersists = framing != .untilClose && Persistence.persists(head.version, head.headers)
                self.head.resume(Response(head))
                if head.status == 101 {
                    isSwitching = true
                    server.peer.setReading(false)
                }
            case .body(let bytes): response.received(bytes)
            case .end(let trailers):
                finish(on: session)
                response.ended(trailers: trailers)
            case .closed:
                let retry: ProxyFailure.Retry = responseHasBegun ? .no : .ifReused
                fail(ProxyFailure(.closed, fault: .server, retry: retry, "\(name) closed the connection before its response"))
            case .failed(let failure):
                fail(
                    ProxyFailure(
                        .badMessage(status: 502), fault: .server, "\(name) sent a response that is not valid HTTP: \(failure)"))
            }
        }
    }

    private func fail(_ failure: ProxyFailure) {
        isOver = true
        server.peer.close()
        head.fail(failure)
        response.failed(failure)
    }

    /// The response is complete: the connection is kept if both sides can use it again.
    private func finish(on session: isolated Session) {
        isOver = true
        let isClean = parser.takeRemaining().readableBytes == 0
        guard serverPersists, requestIsComplete, isClean, !server.peer.inputIsClosed else { return server.peer.close() }
        session.release(server)
    }

    func abort() {
        guard !isOver else { return }
        isOver = true
        server.peer.close()
        response.failed(.clientGone)
    }

    func takeOver() -> TunnelEnd? {
        isOver = true
        server.peer.setReading(true)
        return TunnelEnd(server.peer, early: parser.takeRemaining())
    }
}

extension Response {
    /// The response that a head means.
    init(_ head: consuming ResponseHead) {
        self.init(
            httpVersion: head.version.text, statusCode: head.status, reason: head.reason, headers: head.headers,
            timestampStart: WallClock.now)
    }
}

extension Headers {
    /// HTTP/2 may cut the cookies into several lines (RFC 9113 8.2.3), HTTP/1 may not.
    fileprivate mutating func joinCookies() {
        let cookies = values("Cookie")
        guard cookies.count > 1 else { return }
        set("Cookie", ByteString(Array(cookies.map(\.bytes).joined(separator: Array("; ".utf8)))))
    }
}
