import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel
import Schema

/// The client's HTTP/1 connection: one exchange after the other, in the order of the requests. A shell around `RequestParser`.
final class ClientConnection: DrainingConsumer {
    /// What may wait behind an unanswered request, at most.
    private static let pipelineLimit = 64 * 1024

    private let session: Session
    private let parts: HTTPParts
    private var parser = RequestParser()
    private var stream: ClientHTTP1Stream? { didSet { if oldValue !== stream { oldValue?.leave() } } }
    private var body: BodyPipe?
    /// Its story begins when what has come of its body is there.
    private var begun: Exchange?
    private var clientLeft: (() -> Void)?
    private var waitingBytes = 0
    /// Whether a response may promise that the connection goes on.
    private(set) var mayPersist: Bool

    init(_ session: isolated Session, _ parts: HTTPParts) {
        self.session = session
        self.parts = parts
        mayPersist = !session.isDraining
    }

    deinit { stream?.leave() }

    // MARK: Bytes

    func received(_ bytes: ByteBuffer, on session: isolated Session) {
        parser.received(bytes)
        if stream != nil, body == nil {
            waitingBytes += bytes.readableBytes
            if waitingBytes > Self.pipelineLimit { session.client.setReading(false) }
        }
        pump(on: session)
    }

    func inputClosed(on session: isolated Session) {
        parser.inputClosed()
        // Somebody who says no more while we work for them has left: the rule of most proxies.
        if stream != nil { return leave(on: session) }
        pump(on: session)
    }

    func becameWritable(on session: isolated Session) { stream?.becameWritable() }

    func closed(on session: isolated Session) { leave(on: session) }

    func drain() { mayPersist = false }

    private func leave(on session: isolated Session) {
        body?.failed(.clientGone)
        clientLeft?()
        clientLeft = nil
        session.client.close()
    }

    private func pump(on session: isolated Session) {
        parse(on: session)
        guard let exchange = begun.take() else { return }
        session.tell { await exchange.run(on: session) }
    }

    private func parse(on session: isolated Session) {
        while session.client.isOpen {
            // The next request waits until this one is answered.
            if stream != nil, body == nil { return }
            switch parser.next() {
            case .needMore: return
            case .head(let head, let framing): begin(head, framing, on: session)
            case .body(let bytes): body?.received(bytes)
            case .end(let trailers):
                let ended = body
                body = nil
                stream?.requestIsComplete = true
                ended?.ended(trailers: trailers)
                advance(on: session)
            case .closed:
                session.client.close()
                return
            case .failed(let failure):
                let refusal = ProxyFailure(
                    .badMessage(status: failure.suggestedStatus), fault: .client,
                    "the client's request is not valid HTTP: \(failure)")
                if let body {
                    self.body = nil
                    body.failed(refusal)
                } else {
                    refuse(refusal, on: session)
                }
                return
            }
        }
    }

    // MARK: Exchanges

    private func begin(_ head: consuming RequestHead, _ framing: Framing, on session: isolated Session) {
        let stream = ClientHTTP1Stream(self, session.client, copy head)
        let body = BodyPipe { [peer = session.client] in peer.setReading($0) }
        self.stream = stream
        self.body = body
        session.openExchanges += 1
        waitingBytes = 0
        var request = Request()
        do throws(ProxyFailure) {
            try request.fill(from: head, to: session.fixedTarget)
            request.nameServer(on: session)
        } catch {
            self.body = nil
            return refuse(error, on: session)
        }
        if framing == .none, upgradesToHTTP2(request, on: session) { return }
        let isConnect = request.method.isExactly("CONNECT")
        let asksUpgrade = request.headers.contains("Upgrade") && request.headers.hasToken("upgrade", in: "Connection")
        let flow = newFlow(consume request, on: session)
        if isConnect {
            let exchange = ConnectExchange(flow: flow, loop: session.loop, client: stream)
            clientLeft = { exchange.waiter.end(.clientGone) }
            return session.tell { await exchange.run(on: session) }
        }
        let exchange = Exchange(
            flow: consume flow, loop: session.loop, client: stream, requestBody: body, requestLength: framing.bodyLength,
            asksUpgrade: asksUpgrade, store: session.present.bodies, parts: parts)
        clientLeft = { exchange.clientLeft() }
        begun = exchange
    }

    private func newFlow(_ request: consuming Request, on session: isolated Session) -> HTTPFlow {
        // What makes the flow is that this request has come.
        let created = request.timestampStart
        return HTTPFlow(
            id: Identifier.uuid4(), client: session.frozenClientRecord, server: session.targetRecord,
            timestampCreated: created, request: request)
    }

    /// Leaves for HTTP/2 if the client asks for it properly; a request with a body is answered in HTTP/1, as the client must expect.
    private func upgradesToHTTP2(_ request: Request, on session: isolated Session) -> Bool {
        guard request.headers.contains("Upgrade"), let upgrade = parts.cleartextUpgrade, session.present.http2,
            !session.clientUsesTLS, request.headers.hasToken("h2c", in: "Upgrade"),
            request.headers.hasToken("HTTP2-Settings", in: "Connection"), request.headers.values("HTTP2-Settings").count == 1,
            let settings = request.headers.first("HTTP2-Settings").flatMap({ Base64.decodeURL($0.string) })
        else { return false }
        _ = parser.next()
        let early = parser.takeRemaining()
        session.openExchanges -= 1
        guard upgrade(request, settings, early, session) else {
            session.openExchanges += 1
            refuse(
                ProxyFailure(.badMessage(status: 400), fault: .client, "the client's HTTP2-Settings field is not valid"),
                on: session)
            return true
        }
        (stream, body, clientLeft) = (nil, nil, nil)
        return true
    }

    /// The stream has sent the last byte of its response.
    func responseEnded(persists: Bool, _ peer: Peer) {
        guard persists, peer.isOpen else { return peer.close() }
        stream?.responseIsComplete = true
        body?.discard()
        if parser.isHeld { parser.upgradeRefused() }
        guard parser.hasInput else { return makeWay(session, self) }
        // On a fresh tick: the story that ends now must end before the next begins.
        let session = session
        session.loop.execute {
            session.assumeIsolated { session in
                guard let connection = session.client.consumer as? ClientConnection else { return }
                connection.advance(on: session)
                connection.pump(on: session)
            }
        }
    }

    /// Makes way for the next request once this one is over on both sides.
    fileprivate func advance(on session: isolated Session) {
        guard let stream, stream.requestIsComplete, stream.responseIsComplete else { return }
        self.stream = nil
        clientLeft = nil
        session.openExchanges -= 1
        session.client.setReading(true)
    }

    /// Leaves HTTP.
    func takeOver() -> ByteBuffer {
        session.assumeIsolated { $0.openExchanges -= 1 }
        clientLeft = nil
        stream = nil
        return parser.takeRemaining()
    }

    /// Answers a request that cannot become an exchange.
    private func refuse(_ failure: ProxyFailure, on session: isolated Session) {
        let stream = stream ?? ClientHTTP1Stream(self, session.client, RequestHead(method: "", target: ""))
        self.stream = stream
        let flow = newFlow(Request(), on: session)
        session.tell { await RefusedExchange(flow: flow, client: stream, failure: failure).run(on: session) }
    }
}

/// `assumeIsolated` without its closures and its questions to the runtime: a stream is used on its session's loop alone.
private let makeWay = unsafeBitCast(
    advance as @Sendable (isolated Session, ClientConnection) -> Void, to: (@Sendable (Session, ClientConnection) -> Void).self)

private func advance(_ session: isolated Session, _ connection: ClientConnection) { connection.advance(on: session) }

extension Framing {
    var bodyLength: BodyLength {
        switch self {
        case .none: .none
        case .length(let length): .exact(length)
        case .chunked, .untilClose: .unknown
        }
    }
}
