import FlowModel
import Logging
import NIOCore
import ProxyKernel
import Schema

/// One request and what comes of it, from its head to its record. Confined to its session's loop.
///
/// `run` is the story. The flow is paused exactly while it is suspended, in `waiter`'s one wait.
package final class Exchange: @unchecked Sendable {
    package var flow: HTTPFlow
    package let loop: any EventLoop
    let client: any ClientStream
    let requestBody: BodyPipe
    let requestLength: BodyLength
    /// Whether the request asks for another protocol on this connection.
    let asksUpgrade: Bool
    /// Whether the flow keeps its bodies, whoever wants them.
    let keepsContent: Bool
    let parts: HTTPParts
    package let waiter = Waiter()
    let standstill: Standstill
    let bodies: FlowBodies
    /// Takes messages of addons, while the protocol that followed HTTP has messages.
    package var injector: ((Injection) throws(InjectionRefusal) -> Void)?
    private var sizes = BodySizes()
    /// The request's body on its way from a file.
    private var heldRequest: BodyPipe?
    private(set) var upstream: (server: ServerConnection, stream: any ServerStream)?

    package init(
        flow: HTTPFlow, loop: any EventLoop, client: any ClientStream, requestBody: BodyPipe, requestLength: BodyLength,
        asksUpgrade: Bool, keepsContent: Bool = false, settings: Settings, parts: HTTPParts
    ) {
        self.flow = flow
        self.loop = loop
        standstill = Standstill(on: loop)
        self.client = client
        self.requestBody = requestBody
        self.requestLength = requestLength
        self.asksUpgrade = asksUpgrade
        self.keepsContent = keepsContent
        bodies = FlowBodies(settings)
        self.parts = parts
    }

    package func run(on session: isolated Session) async {
        session.services.flows.add(self, id: flow.id)
        session.services.meters.exchangeBegan()
        do throws(ProxyFailure) {
            beginRequestBody(on: session)
            try await fire(HTTPHooks.table.requestheaders, on: session)
            try bound(requestBody, requestLength, of: "the request", fault: .client, on: session)
            try await takeRequestBody(on: session)
            if flow.request.asksWebSocket { try await fire(WebSocketHooks.table.handshake, on: session) }
            try await fireRequest(on: session)
            try await intercept(on: session)
            if flow.response == nil {
                try await askServer(on: session)
                try await fire(HTTPHooks.table.responseheaders, on: session)
                try await takeResponseBody(on: session)
            } else {
                bodies.request?.discard()
                try await fire(HTTPHooks.table.responseheaders, on: session)
            }
            upgradeLayer?.announce(&flow, session)
            try await fire(HTTPHooks.table.response, on: session)
            try await intercept(on: session)
            if upgradeLayer == nil { flow.websocket = nil }
            try await answer(on: session)
            await followUpgrade(on: session)
        } catch {
            await fail(error, on: session)
        }
        finish(on: session)
    }

    /// The client has left: whatever this waits for will not be needed.
    package func clientLeft(_ failure: ProxyFailure = .clientGone) {
        // Workers hear why before the servers' connections, which end as well, say something else.
        bodies.end()
        waiter.end(failure)
    }

    // MARK: The request

    /// *request*; a worker that moved the request to another host without touching Host means both.
    private func fireRequest(on session: isolated Session) async throws(ProxyFailure) {
        let before = (flow.request.host, flow.request.port, flow.request.headers.first("Host"), flow.request.authority)
        try await fire(HTTPHooks.table.request, on: session)
        let request = flow.request
        guard (request.host, request.port) != (before.0, before.1), !request.keepsHost else { return }
        if request.headers.first("Host") == before.2, before.2 != nil {
            flow.request.headers.set("Host", ByteString(request.hostField))
        }
        if request.isHTTP2, request.authority == before.3 { flow.request.authority = ByteString(request.hostField) }
    }

    /// Sends the request and waits for the response's head, once more on a new connection if a kept one turns out to be dead.
    private func askServer(on session: isolated Session) async throws(ProxyFailure) {
        var isSecondTry = false
        while true {
            let server = try await acquire(on: session, onlyNew: isSecondTry)
            do throws(ProxyFailure) {
                try await ask(server, on: session)
                return
            } catch {
                let isUntouched = error.retry == .yes && !flow.request.content.isOmitted
                let isStale = error.retry == .ifReused && server.wasUsed && flow.request.isSafeToRepeat
                guard isUntouched || isStale, !isSecondTry, !waiterIsEnded else { throw error }
                isSecondTry = true
            }
        }
    }

    private var waiterIsEnded: Bool { waiter.ended != nil }

    private func acquire(on session: isolated Session, onlyNew: Bool) async throws(ProxyFailure) -> ServerConnection {
        let request = flow.request
        let ground = session.ground
        let isToTarget = ground.target.map { $0 == Address(host: request.host, port: request.port) } ?? false
        if isToTarget, let failure = ground.eagerFailure {
            session.ground.eagerFailure = nil
            throw failure
        }
        let usesTLS = request.scheme == "https"
        var key = ServerKey(
            address: Address(host: request.host, port: request.port), tls: usesTLS, serverName: usesTLS ? request.host : nil)
        if isToTarget, ground.isTunnel, let name = ground.serverName, usesTLS { key.serverName = name }
        key.http2 =
            isToTarget && !usesTLS && ground.cleartextHTTP2 != .no
            && (!asksUpgrade || ground.cleartextHTTP2 == .yes)
        let isBound = isToTarget && ground.isTunnel && flow.isReplay == nil
        key.route = ground.route(request.via, asks: !usesTLS && !asksUpgrade && !key.http2 && !isBound)
        let server = try await session.acquire(
            key, forUpgrade: asksUpgrade, onlyNew: onlyNew, isRepeatable: request.isSafeToRepeat, waiter: waiter)
        flow.server = server.frozenRecord
        return server
    }

    private func ask(_ server: ServerConnection, on session: isolated Session) async throws(ProxyFailure) {
        let stream = parts.serverStream(server, session)
        upstream = (server, stream)
        stream.whenInformational = { [client] in client.sendInformational($0) }
        if session.services.settings[ProxyOptions.table.http2Priority] { passPriority(to: stream) }
        var request = flow.request
        for layer in parts.upgrades { layer.prepare(&request, session) }
        // They were for the proxy that is left out.
        if request.via == .direct { request.headers.remove("Proxy-Authorization") }
        switch request.content {
        case .omitted:
            if let trailers = request.trailers { bodies.request?.pipe.setTrailers(trailers) }
            let length = request.trailers.isPresent ? .unknown : bodies.request?.length ?? .none
            try stream.sendHead(request, length: length)
            copyStreamed(bodies.request, isStreamed: request.isStreamed, on: session)
            bodies.request?.pipe.join(stream)
            if client.expectsContinue { promiseContinue(on: session) }
        case .bytes(let bytes):
            let isAbsent = bytes.readableBytes == 0 && requestLength == .none
            let length = isAbsent ? BodyLength.none : .exact(bytes.readableBytes)
            try stream.sendHead(request, length: request.trailers.isPresent ? .unknown : length)
            // What stands behind a request to leave HTTP is for what follows.
            if !asksUpgrade { bodies.request?.discard() }
            if bytes.readableBytes > 0 { stream.body(bytes) }
            stream.bodyEnded(trailers: request.trailers)
        case .file(let file):
            try stream.sendHead(request, length: request.trailers.isPresent ? .unknown : .exact(file.size))
            if !asksUpgrade { bodies.request?.discard() }
            let body = BodyFileSource.pipe(file, trailers: request.trailers, on: loop)
            heldRequest = body
            body.join(stream)
        case .missing, .reference:
            try stream.sendHead(request, length: .none)
            bodies.request?.discard()
            stream.bodyEnded(trailers: nil)
        }
        let response = try await stream.head.wait(as: waiter)
        if response.statusCode == 101, !asksUpgrade {
            throw ProxyFailure(
                .badMessage(status: 502), fault: .server,
                "server \(server.key.address) sent 101 though nobody asked for an upgrade")
        }
        if session.sharesServers, request.headers.authenticateConnection || response.headers.authenticateConnection {
            server.isPersonal = true
        }
        flow.response = response
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

    /// Sends the response to the client; returns when its body has been passed on.
    private func answer(on session: isolated Session) async throws(ProxyFailure) {
        guard let response = flow.response else { return }
        switch response.content {
        case .omitted:
            guard let stream = upstream?.stream, let path = bodies.response else {
                return client.sendWhole(response, ByteBuffer())
            }
            if let trailers = response.trailers { path.pipe.setTrailers(trailers) }
            client.sendHead(response, length: response.trailers.isPresent ? .unknown : path.length)
            if response.statusCode == 101, asksUpgrade { return }
            copyStreamed(path, isStreamed: response.isStreamed, on: session)
            try await path.pipe.pass(to: client, waiter: waiter, on: session)
            // A worker has made an end before the server did.
            if !stream.response.isComplete { stream.abort() }
        case .file(let file):
            if let stream = upstream?.stream, !stream.response.isComplete { stream.abort() }
            client.sendHead(response, length: response.trailers.isPresent ? .unknown : .exact(file.size))
            let body = BodyFileSource.pipe(file, trailers: response.trailers, on: loop)
            try await body.pass(to: client, waiter: waiter, on: session)
        case .bytes(let bytes):
            if response.statusCode == 101, asksUpgrade, upstream != nil {
                return client.sendHead(response, length: .none)
            }
            guard let stream = upstream?.stream else { return client.sendWhole(response, bytes) }
            // Without a body by its nature, as for HEAD: its length says what the body would have been.
            if stream.length == .none, bytes.readableBytes == 0 {
                client.sendHead(response, length: .none)
                return client.bodyEnded(trailers: nil)
            }
            // A worker has put its own body in the place of one that is still coming.
            if !stream.response.isComplete { stream.abort() }
            client.sendWhole(response, bytes)
        case .missing, .reference: client.sendWhole(response, ByteBuffer())
        }
    }

    /// What follows HTTP, if something does.
    private var upgradeLayer: UpgradeLayer? {
        guard asksUpgrade, upstream != nil, flow.response?.statusCode == 101 else { return nil }
        return parts.upgrades.first { $0.claims(flow) }
    }

    /// After a 101 that was asked for: the protocol that follows, or a relay that goes on without us.
    private func followUpgrade(on session: isolated Session) async {
        guard asksUpgrade, flow.response?.statusCode == 101, let stream = upstream?.stream, let server = stream.takeOver(),
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
        bodies.request?.discard()
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
        _ = try? await fire(HTTPHooks.table.error, on: session)
    }

    private func finish(on session: isolated Session) {
        noteStreamedBodies()
        bodies.end()
        heldRequest = nil
        dropMemoryFiles()
        let ended = AnyFlow.http(flow)
        session.services.meters.exchangeEnded(flow)
        session.services.flows.finish(ended, on: loop)
        sizes.request = requestBody.size
        if let content = flow.response?.content, content.buffer != nil || content.isHeld {
            sizes.response = content.size ?? 0
        } else {
            sizes.response = upstream?.stream.response.size ?? 0
        }
        session.services.recorder.record(ended, sizes: sizes)
    }

    private func fire(_ hook: Hook<FlowEvent>, on session: isolated Session) async throws(ProxyFailure) {
        guard session.hooks.hasListeners(hook) else { return }
        let outcome = try await session.hooks.fire(hook, FlowEvent(flow, bodies: bodies), waiter: waiter, isolation: session)
        if let failure = outcome.failure {
            var event = FlowEvent(flow)
            for change in outcome.remains { change.apply(&event) }
            flow = event.http
            throw failure
        }
        guard !outcome.changes.isEmpty else { return }
        var event = FlowEvent(flow)
        for change in outcome.changes { change.apply(&event) }
        flow = event.http
        if flow.intercepted, hook !== HTTPHooks.table.error { try await hold(as: waiter, on: session) }
    }
}
