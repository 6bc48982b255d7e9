import CNghttp2
import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel

/// An HTTP/2 connection to a server, shared by all exchanges of a client with it.
final class ServerHTTP2Connection: HTTP2Connection, EngineEvents, Multiplexer, @unchecked Sendable {
    private let server: ServerConnection
    private var streams: [Int32: ServerHTTP2Stream] = [:]
    private var isGoingAway = false
    private var hasSettings = false
    private var opening: [Pending<Bool>] = []
    private var keepalive: Scheduled<Void>?
    private var lastInput = NIODeadline.now()
    private var awaitsPong = false

    init(_ server: ServerConnection, _ session: isolated Session) {
        self.server = server
        super.init(.client, server.peer, session)
        engine.events = self
        server.peer.consumer = self
        server.peer.setReading(true)
        watch()
    }

    override var name: String { "server \(server.key.address)" }

    // MARK: Multiplexing

    var hasRoom: Bool {
        !isOver && !isGoingAway && engine.mayOpenStreams
            && (streams.isEmpty || streams.count < engine.peerSetting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
    }

    var takesWebSockets: Bool { engine.peerSetting(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1 }

    func opened(waiter: Waiter, on session: isolated Session) async throws(ProxyFailure) {
        guard !hasSettings else { return }
        if isOver { throw notSpoken }
        let pending = Pending<Bool>(on: session.loop)
        opening.append(pending)
        let seconds = session.services.settings[ProxyOptions.table.connectTimeout]
        let failure = notSpoken
        let alarm = session.loop.scheduleTask(in: .seconds(Int64(seconds))) { pending.fail(failure) }
        defer { alarm.cancel() }
        _ = try await pending.wait(as: waiter)
    }

    private var notSpoken: ProxyFailure {
        ProxyFailure(.closed, fault: .server, retry: .yes, "\(name) does not speak HTTP/2 without TLS")
    }

    func settingsChanged() {
        hasSettings = true
        for pending in opening { pending.resume(true) }
        opening = []
    }

    // MARK: Streams

    /// Opens a stream for a request; nil if the connection takes no more.
    func open(_ stream: ServerHTTP2Stream, _ fields: inout FieldList, hasBody: Bool, _ priority: nghttp2_priority_spec?) -> Int32?
    {
        guard !isOver, !isGoingAway, let id = engine.submitRequest(&fields, hasBody: hasBody, priority: priority) else {
            return nil
        }
        streams[id] = stream
        peer.sendSoon()
        return id
    }

    func prioritize(_ stream: Int32, _ priority: nghttp2_priority_spec) {
        engine.submitPriority(priority, on: stream)
        peer.sendSoon()
    }

    override func received(_ bytes: ByteBuffer, on session: isolated Session) {
        lastInput = .now()
        super.received(bytes, on: session)
    }

    func received(_ block: HeaderBlock, on stream: Int32, endsStream: Bool) {
        server.wasUsed = true
        streams[stream]?.received(block, endsStream: endsStream)
    }

    func received(_ bytes: ByteBuffer, on stream: Int32) { streams[stream]?.received(bytes) }
    func ended(_ stream: Int32) { streams[stream]?.ended() }
    func drained(_ stream: Int32) { streams[stream]?.feeding?.sinkIsReady() }
    func sentEnd(of stream: Int32) {}
    func closed(_ stream: Int32, code: UInt32) {
        streams.removeValue(forKey: stream)?.closed(code)
        if isGoingAway, streams.isEmpty { whenEngineIsFree { [self] in end() } }
    }

    func goneAway(lastStream: Int32, code: UInt32) {
        isGoingAway = true
        session.log(.debug, "\(name) takes no more HTTP/2 streams: \(errorName(code))")
        if streams.isEmpty { whenEngineIsFree { [self] in end() } }
    }

    override func lost(_ complaint: String?) {
        keepalive?.cancel()
        let failure = notSpoken
        for pending in opening { pending.fail(failure) }
        opening = []
        let open = streams.values
        streams = [:]
        for stream in open { stream.lost(complaint) }
    }

    func received(_ priority: nghttp2_priority_spec, on stream: Int32) {}

    // MARK: Keeping it alive

    private func watch() {
        let seconds = session.services.settings[ProxyOptions.table.http2PingKeepalive]
        guard seconds > 0 else { return }
        keepalive = session.loop.assumeIsolated().scheduleTask(deadline: lastInput + .seconds(Int64(seconds))) { [weak self] in
            guard let self, !self.isOver else { return }
            if self.lastInput + .seconds(Int64(seconds)) <= .now() {
                self.engine.ping()
                self.peer.sendSoon()
                self.lastInput = .now()
            }
            self.watch()
        }
    }

    func pong() {}
}
