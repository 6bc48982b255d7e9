import CNghttp2
import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel

/// A client's HTTP/2 connection: each stream is an exchange of its own.
final class ClientHTTP2Connection: HTTP2Connection, EngineEvents, DrainingConsumer, @unchecked Sendable {
    private let parts: HTTPParts
    private var streams: [Int32: ClientHTTP2Stream] = [:]
    private var isDraining = false

    init(_ session: isolated Session, _ parts: HTTPParts) {
        self.parts = parts
        super.init(.server, session.client, session)
        engine.events = self
        if session.isDraining { drain() }
    }

    override var name: String { session.assumeIsolated { "client \($0.clientRecord.peername)" } }

    // MARK: Exchanges

    func received(_ block: HeaderBlock, on stream: Int32, endsStream: Bool) {
        if let known = streams[stream] {
            guard let refusal = tooLarge(block) else { return known.receivedTrailers(block) }
            known.requestBody.failed(refusal)
            return
        }
        let new = ClientHTTP2Stream(stream, self, block)
        streams[stream] = new
        session.assumeIsolated { $0.openExchanges += 1 }
        whenEngineIsFree { [self] in session.assumeIsolated { begin(new, block, endsStream: endsStream, on: $0) } }
    }

    /// Begins with the request that came in HTTP/1 and asked for the change.
    func begin(_ request: Request, on session: isolated Session) {
        let stream = ClientHTTP2Stream(1, self, HeaderBlock(request))
        streams[1] = stream
        session.openExchanges += 1
        stream.ended()
        var flow = newFlow(on: session)
        flow.request = request
        run(flow, stream, .none, on: session)
    }

    private func tooLarge(_ block: HeaderBlock) -> ProxyFailure? {
        let limit = engine.limits.fieldList
        guard block.size > limit else { return nil }
        return ProxyFailure(
            .badMessage(status: 431), fault: .client,
            "the request's fields take \(block.size) bytes, at most \(limit) are read")
    }

    private func newFlow(on session: isolated Session) -> HTTPFlow {
        HTTPFlow(
            id: Identifier.uuid4(), client: session.frozenClientRecord, server: session.targetRecord,
            timestampCreated: WallClock.now)
    }

    private func begin(_ stream: ClientHTTP2Stream, _ block: HeaderBlock, endsStream: Bool, on session: isolated Session) {
        var flow = newFlow(on: session)
        do throws(ProxyFailure) {
            if let refusal = tooLarge(block) { throw refusal }
            flow.request = try Request(block, on: session.ground)
            flow.request.nameServer(on: session)
        } catch {
            return session.tell { [flow] in
                await RefusedExchange(flow: flow, client: stream, failure: error).run(on: session)
            }
        }
        if block.opensTunnel { return openTunnel(flow, stream, on: session) }
        let length: BodyLength =
            endsStream ? .none : stream.isWebSocket ? .none : block.contentLength.map { .exact($0) } ?? .unknown
        run(flow, stream, length, on: session)
    }

    /// A tunnel is a session of its own, whose client's side is the stream.
    private func openTunnel(_ flow: HTTPFlow, _ stream: ClientHTTP2Stream, on session: isolated Session) {
        let exchange = ConnectExchange(flow: flow, loop: session.loop, client: stream)
        stream.whenLost = { exchange.waiter.end($0) }
        session.tell {
            do throws(ProxyFailure) {
                let (inner, conduit) = try await session.nest(waiter: exchange.waiter)
                stream.tunnelsTo(conduit)
                await exchange.run(on: inner)
                if !stream.isTunnel { await Self.end(inner) }
            } catch {
                session.log(.warning, "\(flow.client.value.peername): CONNECT \(flow.request.url): \(error.note)")
                stream.sendError(error)
            }
        }
    }

    private static func end(_ inner: isolated Session) { inner.client.close() }

    private func run(_ flow: HTTPFlow, _ stream: ClientHTTP2Stream, _ length: BodyLength, on session: isolated Session) {
        let exchange = Exchange(
            flow: flow, loop: session.loop, client: stream, requestBody: stream.requestBody, requestLength: length,
            asksUpgrade: stream.isWebSocket, store: session.present.bodies, parts: parts)
        stream.whenLost = { [weak exchange] in exchange?.clientLeft($0) }
        session.tell { await exchange.run(on: session) }
    }

    // MARK: Streams

    func received(_ bytes: ByteBuffer, on stream: Int32) { streams[stream]?.body.received(bytes) }
    func ended(_ stream: Int32) { streams[stream]?.ended() }
    func drained(_ stream: Int32) { streams[stream]?.feeding?.sinkIsReady() }

    /// The response is complete: what the client still sends of its request is of no use.
    func sentEnd(of stream: Int32) {
        if streams[stream]?.requestIsWanted == false { engine.reset(stream, NGHTTP2_NO_ERROR) }
    }

    func closed(_ stream: Int32, code: UInt32) {
        guard let ended = streams.removeValue(forKey: stream) else { return }
        whenEngineIsFree { [self] in
            ended.closed(code)
            exchangeEnded()
        }
    }

    private func exchangeEnded() {
        session.assumeIsolated { session in
            session.openExchanges -= 1
        }
    }

    override func lost(_ complaint: String?) {
        let open = streams.values
        streams = [:]
        for stream in open {
            stream.closed(nil)
            exchangeEnded()
        }
    }

    /// The client is told that the end comes, and named the last stream when it must have read this (RFC 9113 6.8): streams that it
    /// has begun meanwhile are served. nghttp2 has enough when all are over.
    func drain() {
        guard !isDraining else { return }
        isDraining = true
        engine.giveNotice()
        engine.ping()
        for stream in streams.values { stream.drain() }
        peer.sendSoon()
    }

    func pong() {
        guard isDraining else { return }
        engine.goAway()
        peer.sendSoon()
    }

    func settingsChanged() {}
    func goneAway(lastStream: Int32, code: UInt32) {}

    func received(_ priority: nghttp2_priority_spec, on stream: Int32) {
        streams[stream]?.priority = StreamPriority(weight: Int(priority.weight))
    }
}
