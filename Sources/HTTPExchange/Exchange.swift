import FlowModel
import Logging
import NIOCore
import ProxyKernel
import Schema

/// One request and what comes of it, from its head to its record. Confined to its session's loop.
///
/// `run` is the story. The flow is paused exactly while it is suspended, in `waiter`'s one wait.
public final class Exchange: @unchecked Sendable {
    /// Shared with the events that carry it.
    private var state: Boxed<HTTPFlow>
    public let loop: any EventLoop
    let client: any ClientStream
    let requestBody: BodyPipe
    let requestLength: BodyLength
    /// Whether the request asks for another protocol on this connection.
    let asksUpgrade: Bool
    /// Whether the flow keeps its bodies, whoever wants them.
    let keepsContent: Bool
    let parts: HTTPParts
    public let waiter = Waiter()
    private(set) lazy var standstill = Standstill(on: loop)
    let bodies: FlowBodies
    /// Takes messages of addons, while the protocol that followed HTTP has messages.
    public var injector: ((Injection) throws(InjectionRefusal) -> Void)?
    /// The request's body on its way from a file.
    private var heldRequest: BodyPipe?
    private(set) var upstream: (server: ServerConnection, stream: any ServerStream)?

    public init(
        flow: HTTPFlow, loop: any EventLoop, client: any ClientStream, requestBody: BodyPipe, requestLength: BodyLength,
        asksUpgrade: Bool, keepsContent: Bool = false, store: BodyStore, parts: HTTPParts
    ) {
        state = Boxed(flow)
        self.loop = loop
        self.client = client
        self.requestBody = requestBody
        self.requestLength = requestLength
        self.asksUpgrade = asksUpgrade
        self.keepsContent = keepsContent
        bodies = FlowBodies(store)
        self.parts = parts
    }

    public var flow: HTTPFlow {
        unsafeAddress { state.address }
        unsafeMutableAddress { state.mutableAddress }
    }

    /// The state as it is now, shared.
    var boxedFlow: Boxed<HTTPFlow> { state }

    private static let noState = Boxed(HTTPFlow.blank)

    public func run(on session: isolated Session) async {
        session.services.flows.add(self, id: flow.id)
        session.services.meters.exchangeBegan()
        do throws(ProxyFailure) {
            beginRequestBody(on: session)
            if hears(HTTPHooks.table.requestheaders, session) { try await fire(HTTPHooks.table.requestheaders, on: session) }
            try bound(requestBody, requestLength, of: "the request", fault: .client, on: session)
            if let body = noteRequestBody(on: session) { try await holdRequestBody(body, on: session) }
            if hears(WebSocketHooks.table.handshake, session), flow.request.asksWebSocket {
                try await fire(WebSocketHooks.table.handshake, on: session)
            }
            if hears(HTTPHooks.table.request, session) { try await fireRequest(on: session) }
            if isIntercepted(on: session) { try await hold(as: waiter, on: session) }
            if flow.boxedResponse == nil { try await askServer(on: session) } else { discardRequestBody() }
            if hears(HTTPHooks.table.responseheaders, session) { try await fire(HTTPHooks.table.responseheaders, on: session) }
            if let body = try noteResponseBody(on: session) { try await holdResponseBody(body, on: session) }
            upgradeLayer?.announce(&flow, session)
            if hears(HTTPHooks.table.response, session) { try await fire(HTTPHooks.table.response, on: session) }
            if isIntercepted(on: session) { try await hold(as: waiter, on: session) }
            if upgradeLayer == nil { flow.websocket = nil }
            if let body = try answer(on: session) { try await passOn(body, on: session) }
            if asksUpgrade { await followUpgrade(on: session) } else { requestBody.discard() }
        } catch {
            await fail(error, on: session)
        }
        finish(on: session)
    }

    /// The client has left: whatever this waits for will not be needed.
    public func clientLeft(_ failure: ProxyFailure = .clientGone) {
        // Workers hear why before the servers' connections, which end as well, say something else.
        bodies.end()
        waiter.end(failure)
    }

    // MARK: The request

    /// *request*; a worker that moved the request to another host without touching Host means both.
    private func fireRequest(on session: Session) async throws(ProxyFailure) {
        let before = (flow.request.host, flow.request.port, flow.request.headers.first("Host"), flow.request.authority)
        try await fire(HTTPHooks.table.request, on: session)
        let request = flow.request
        guard (request.host, request.port) != (before.0, before.1), !request.keepsHost else { return }
        if request.headers.first("Host") == before.2, before.2 != nil {
            flow.request.headers.set("Host", request.hostField)
        }
        if request.isHTTP2, request.authority == before.3 { flow.request.authority = request.hostField }
    }

    /// Sends the request and waits for the response's head, once more on a new connection if a kept one turns out to be dead. A part of
    /// `run`: a function that suspends costs as much as it takes to read a field line.
    @inline(__always)
    private func askServer(on session: isolated Session) async throws(ProxyFailure) {
        var isSecondTry = false
        while true {
            let server: ServerConnection
            if !isSecondTry, let kept = try keptServer(on: session) {
                server = kept
            } else {
                server = try await newServer(on: session, onlyNew: isSecondTry)
            }
            do throws(ProxyFailure) {
                let stream = try ask(server, on: session)
                try await stream.head.suspend(as: waiter)
                return try takeHead(of: stream, on: session)
            } catch {
                let isUntouched = error.retry == .yes && !flow.request.content.isOmitted
                let isStale = error.retry == .ifReused && server.wasUsed && flow.request.isSafeToRepeat
                guard isUntouched || isStale, !isSecondTry, !waiterIsEnded else { throw error }
                isSecondTry = true
            }
        }
    }

    private var waiterIsEnded: Bool { waiter.ended != nil }

    /// A connection that is there and has room.
    private func keptServer(on session: isolated Session) throws(ProxyFailure) -> ServerConnection? {
        session.reuse(try serverKey(on: session), forUpgrade: asksUpgrade, isRepeatable: flow.request.isSafeToRepeat)
    }

    private func newServer(on session: isolated Session, onlyNew: Bool) async throws(ProxyFailure) -> ServerConnection {
        try await session.acquire(
            try serverKey(on: session), forUpgrade: asksUpgrade, onlyNew: onlyNew, isRepeatable: flow.request.isSafeToRepeat,
            waiter: waiter)
    }

    private func serverKey(on session: isolated Session) throws(ProxyFailure) -> ServerKey {
        try session.serverKey(
            Address(host: flow.request.host, port: flow.request.port), usesTLS: flow.request.scheme.isExactly("https"),
            by: flow.request.via, asksUpgrade: asksUpgrade, isReplay: flow.isReplay != nil)
    }

    /// Sends the head, and of the body what is there.
    private func ask(_ server: ServerConnection, on session: isolated Session) throws(ProxyFailure) -> any ServerStream {
        flow.server = server.frozenRecord
        let stream = parts.serverStream(server, session)
        upstream = (server, stream)
        stream.client = client
        if session.present.http2Priority { passPriority(to: stream) }
        guard asksUpgrade || flow.request.via == .direct else {
            try send(flow.boxedRequest, to: stream, on: session)
            return stream
        }
        var request = flow.request
        if asksUpgrade { for layer in parts.upgrades { layer.prepare(&request, session) } }
        // They were for the proxy that is left out.
        if request.via == .direct { request.headers.remove("Proxy-Authorization") }
        try send(Boxed(request), to: stream, on: session)
        return stream
    }

    private func send(_ request: Boxed<Request>, to stream: any ServerStream, on session: isolated Session) throws(ProxyFailure) {
        switch request.value.content {
        case .omitted:
            guard let path = bodies.request else {
                try stream.sendHead(request, length: .none)
                return stream.bodyEnded(trailers: nil)
            }
            if let trailers = request.value.trailers { path.pipe.setTrailers(trailers) }
            try stream.sendHead(request, length: request.value.trailers.isPresent ? .unknown : path.length)
            copyStreamed(path, isStreamed: request.value.isStreamed, on: session)
            path.pipe.join(stream)
            if client.expectsContinue { promiseContinue(on: session) }
        case .bytes(let bytes):
            let isAbsent = bytes.readableBytes == 0 && requestLength == .none
            let length = isAbsent ? BodyLength.none : .exact(bytes.readableBytes)
            try stream.sendHead(request, length: request.value.trailers.isPresent ? .unknown : length)
            // What stands behind a request to leave HTTP is for what follows.
            if !asksUpgrade { discardRequestBody() }
            if bytes.readableBytes > 0 { stream.body(bytes) }
            stream.bodyEnded(trailers: request.value.trailers)
        case .file(let file):
            try stream.sendHead(request, length: request.value.trailers.isPresent ? .unknown : .exact(file.size))
            if !asksUpgrade { discardRequestBody() }
            let body = BodyFileSource.pipe(file, trailers: request.value.trailers, on: loop)
            heldRequest = body
            body.join(stream)
        case .missing, .reference:
            try stream.sendHead(request, length: .none)
            discardRequestBody()
            stream.bodyEnded(trailers: nil)
        }
    }

    /// The head of a response has come.
    private func takeHead(of stream: any ServerStream, on session: isolated Session) throws(ProxyFailure) {
        flow.boxedResponse = stream.head.take()
        if !asksUpgrade, flow.boxedResponse?.value.statusCode == 101 {
            flow.response = nil
            let server = upstream?.server.key.address.description ?? ""
            throw ProxyFailure(
                .badMessage(status: 502), fault: .server, "server \(server) sent 101 though nobody asked for an upgrade")
        }
        if session.sharesServers,
            flow.request.headers.authenticateConnection || flow.boxedResponse?.value.headers.authenticateConnection == true
        {
            upstream?.server.isPersonal = true
        }
        beginResponseBody(stream, on: session)
    }

    private func passPriority(to stream: any ServerStream) {
        if let priority = client.priority { stream.prioritize(priority) }
        client.whenReprioritized = { [weak stream] in stream?.prioritize($0) }
    }

    /// The expectation was passed on; a server that does not know it says nothing, so the client is answered after a second.
    private func promiseContinue(on session: isolated Session) {
        session.loop.assumeIsolated().scheduleTask(in: .seconds(1)) { [weak self] in
            guard let self, !self.client.headWasSent else { return }
            self.client.continueIfExpected()
        }
    }

    // MARK: The response

    /// Sends the response to the client. The result is the body that is still to be passed on.
    private func answer(on session: isolated Session) throws(ProxyFailure) -> BodyPipe? {
        guard let response = flow.boxedResponse else { return nil }
        switch response.value.content {
        case .omitted:
            guard upstream != nil, let path = bodies.response else {
                client.sendWhole(response, ByteBuffer())
                return nil
            }
            if let trailers = response.value.trailers { path.pipe.setTrailers(trailers) }
            client.sendHead(response, length: response.value.trailers.isPresent ? .unknown : path.length)
            if response.value.statusCode == 101, asksUpgrade { return nil }
            copyStreamed(path, isStreamed: response.value.isStreamed, on: session)
            return try passed(path.pipe)
        case .file(let file):
            endServersBody()
            client.sendHead(response, length: response.value.trailers.isPresent ? .unknown : .exact(file.size))
            return try passed(BodyFileSource.pipe(file, trailers: response.value.trailers, on: loop))
        case .bytes(let bytes):
            if response.value.statusCode == 101, asksUpgrade, upstream != nil {
                client.sendHead(response, length: .none)
            } else if upstream?.stream.length == BodyLength.none, bytes.readableBytes == 0 {
                // Without a body by its nature, as for HEAD: its length says what the body would have been.
                client.sendHead(response, length: .none)
                client.bodyEnded(trailers: nil)
            } else {
                endServersBody()
                client.sendWhole(response, bytes)
            }
            return nil
        case .missing, .reference:
            client.sendWhole(response, ByteBuffer())
            return nil
        }
    }

    /// Passes a body on that is there as a whole; the result is one that is not.
    private func passed(_ body: BodyPipe) throws(ProxyFailure) -> BodyPipe? {
        guard try body.passWhole(to: client) else { return body }
        endServersBody()
        return nil
    }

    private func passOn(_ body: BodyPipe, on session: isolated Session) async throws(ProxyFailure) {
        try await body.pass(to: client, waiter: waiter, on: session)
        endServersBody()
    }

    /// A worker has put its own body in the place of one that is still coming, or made an end before the server did.
    private func endServersBody() {
        if let stream = upstream?.stream, !stream.response.isComplete { stream.abort() }
    }

    /// What follows HTTP, if something does.
    private var upgradeLayer: UpgradeLayer? {
        guard asksUpgrade, upstream != nil, flow.boxedResponse?.value.statusCode == 101 else { return nil }
        return parts.upgrades.first { $0.claims(flow) }
    }

    /// After a 101 that was asked for: the protocol that follows, or a relay that goes on without us.
    private func followUpgrade(on session: isolated Session) async {
        guard flow.boxedResponse?.value.statusCode == 101, let stream = upstream?.stream, let server = stream.takeOver(),
            let client = client.takeOver()
        else { return requestBody.discard() }
        let layer = upgradeLayer
        upstream = nil
        guard let layer else { return Relay.join(client, server) }
        await layer.run(self, Upgrade(client: client, server: server), session)
    }

    // MARK: The end

    private func fail(_ failure: ProxyFailure, on session: isolated Session) async {
        let sentNothing = !client.headWasSent
        upstream?.stream.abort()
        upstream = nil
        discardRequestBody()
        flow.error = FlowError(failure.what == .killed ? FlowError.killedMessage : failure.note, at: WallClock.now)
        if failure.endsSilently || !sentNothing {
            client.abort()
        } else {
            client.sendError(failure)
        }
        session.log(
            failure.what == .cancelled ? .debug : .info,
            "\(flow.client.value.peername): \(flow.request.method) \(flow.request.url): \(failure.note)")
        waiter.reopen()
        if hears(HTTPHooks.table.error, session) { _ = try? await fire(HTTPHooks.table.error, on: session) }
    }

    private func finish(on session: isolated Session) {
        noteStreamedBodies()
        bodies.end()
        heldRequest = nil
        dropMemoryFiles()
        session.services.meters.exchangeEnded(flow.request.httpVersion, status: flow.boxedResponse?.value.statusCode)
        var sizes = BodySizes()
        sizes.request = requestBody.size
        if let content = flow.boxedResponse?.value.content, content.buffer != nil || content.isHeld {
            sizes.response = content.size ?? 0
        } else {
            sizes.response = upstream?.stream.response.size ?? 0
        }
        let ended = anyFlow
        session.services.flows.finish(ended, on: loop)
        session.services.recorder.record(ended, sizes: sizes)
    }

    func hears(_ hook: Hook<FlowEvent>, _ session: isolated Session) -> Bool { session.hooks.hasListeners(hook) }

    /// Tells those of it who listen; not to be called where nobody does. A part of its callers: they look for their executor after each
    /// function that suspends.
    @inline(__always)
    private func fire(_ hook: Hook<FlowEvent>, on session: Session) async throws(ProxyFailure) {
        let outcome = try await session.hooks.fire(
            hook, FlowEvent(state, bodies: bodies), waiter: waiter)
        if let failure = outcome.failure {
            apply(outcome.remains)
            throw failure
        }
        guard !outcome.changes.isEmpty else { return }
        apply(outcome.changes)
        if flow.intercepted, hook !== HTTPHooks.table.error { try await hold(as: waiter, on: session) }
    }

    private func apply(_ changes: [Change<FlowEvent>]) {
        guard !changes.isEmpty else { return }
        var event = FlowEvent(state)
        // Changed in place, since nobody else has it meanwhile.
        state = Self.noState
        for change in changes { change.apply(&event) }
        state = event.boxed
    }
}
