import FlowModel
import Logging
import NIOCore
import Schema

/// One client connection and all that is done for it. Pinned to the connection's event loop.
///
/// Handlers enter it synchronously; stories (`tell`) run on the same loop, so that nothing here is ever concurrent.
public final actor Session {
    public nonisolated let loop: any EventLoop
    public nonisolated let services: Services
    public nonisolated let hooks: any HookPort
    nonisolated let executor: LoopExecutor
    public nonisolated let unownedExecutor: UnownedSerialExecutor

    public let client: Peer
    public var ground: Ground
    /// The client's record as it is now, as events share it.
    public private(set) var frozenClientRecord: Frozen<Client>
    /// Waits of the session's own stories, such as the TLS handshake.
    public let waiter = Waiter()

    private static let clientKey = 0
    private var peers: [Int: Peer] = [:]
    private var nextPeerKey = 1
    public var servers: [ServerConnection] = []
    /// The record of flows that have no server yet.
    var unconnected: Frozen<Server>?
    var lastHostField: (host: String, port: Int, scheme: ByteString, field: ByteString)?
    /// What the server of a tunnel said before its client said anything.
    public var spokenFirst: ByteBuffer?
    private var lastActivity = NIODeadline.now()
    private var idleness: Scheduled<Void>?
    private var isEnded = false
    /// Its client is another session's too, which tells of it.
    private let isNested: Bool
    /// Connections that are being made and may be shared.
    var attempts: [ServerKey: ConnectionAttempt] = [:]
    /// Servers that turned out to speak no protocol that can be shared.
    var unshared: Set<ServerKey> = []
    /// Why we have closed the client's connection ourselves, if we have and it is not in the course of a protocol.
    public private(set) var ownEnd: ProxyFailure?
    /// Exchanges that are not over.
    public var openExchanges = 0
    /// No further exchange may begin: the program ends.
    public private(set) var isDraining = false

    /// Makes the session of an accepted channel, on its loop, and puts its handler at the end of the pipeline.
    public static func accept(
        _ channel: any Channel, mode: ModeSpec, services: Services, hooks: any HookPort, executor: LoopExecutor
    ) throws {
        let record = Client(
            id: Identifier.uuid4(), peername: Address(channel.remoteAddress), sockname: Address(channel.localAddress),
            proxyMode: mode.description, timestampStart: WallClock.now)
        let session = Session(
            channel, record: record, ground: Ground(mode: mode), services: services, hooks: hooks, executor: executor)
        try session.assumeIsolated { try $0.begin() }
    }

    /// Makes the session of a tunnel within a stream of this connection: of the same client, but standing elsewhere.
    func beginNested(_ channel: any Channel) throws -> Session {
        let session = Session(
            channel, record: clientRecord, ground: Ground(mode: ground.mode), services: services, hooks: hooks,
            executor: executor, isNested: true)
        try session.assumeIsolated { try $0.join() }
        return session
    }

    /// Takes in a connection that is neither the client's nor a server's; the result is the key of its peer.
    func adoptInner(_ channel: any Channel) throws -> Int {
        let key = nextPeerKey
        nextPeerKey += 1
        let peer = Peer(channel, executor)
        try peer.attach(PeerHandler(session: self, peer: peer, key: key))
        peers[key] = peer
        return key
    }

    func innerPeer(_ key: Int) -> Peer? { peers[key] }

    /// Makes a session without a client, for a request that is replayed: `record` is of the client that sent it once. Nothing comes from
    /// its client, which counts as closed; `endReplay` ends it.
    public init(
        replayingFor record: Client, ground: Ground, services: Services, hooks: any HookPort, executor: LoopExecutor
    ) {
        self.init(nil, record: record, ground: ground, services: services, hooks: hooks, executor: executor)
    }

    private init(
        _ channel: (any Channel)?, record: Client, ground: Ground, services: Services, hooks: any HookPort,
        executor: LoopExecutor, isNested: Bool = false
    ) {
        loop = executor.loop
        client = Peer(channel, executor, isNested ? nil : services.meters.client)
        frozenClientRecord = Frozen(record)
        self.ground = ground
        self.services = services
        self.hooks = hooks
        self.executor = executor
        self.isNested = isNested
        unownedExecutor = executor.asUnownedSerialExecutor()
    }

    /// The settings as they are now.
    public var present: PresentSettings { @inline(__always) unsafeAddress { executor.present(of: services) } }

    /// To be changed as a whole: each change makes a new record of it.
    public var clientRecord: Client {
        get { frozenClientRecord.value }
        set { frozenClientRecord = Frozen(newValue) }
    }

    /// A log line that names the client.
    public nonisolated func log(_ level: Logger.Level, _ text: @autoclosure () -> String) {
        services.logger.log(level: level, "\(text())")
    }

    // MARK: Stories

    /// Starts a linear story on this loop. The last statement of a callback: the story runs at once until its first wait.
    public func tell(@_inheritActorContext _ story: sending @escaping @isolated(any) () async -> Void) {
        executor.begin(story)
    }

    /// Comes to life: from here on what the client's connection does is reported here.
    private func join() throws {
        try client.attach(PeerHandler(session: self, peer: client, key: Self.clientKey))
        services.sessions.add(self)
        peers[Self.clientKey] = client
        watchIdleness()
    }

    private func begin() throws {
        try join()
        services.meters.clientConnections.increment()
        services.meters.openClientConnections.increment()
        log(.debug, "\(clientRecord.peername): client connect")
        let sniffer = Sniffer(admits: ground.admits)
        client.consumer = sniffer
        if let refusal = services.admission.refusal(of: clientRecord.peername.host) {
            log(.warning, refusal)
            clientRecord.error = refusal
        }
        let isAsked = hooks.hasListeners(ConnectionHooks.table.clientConnected)
        guard clientRecord.error == nil || isAsked else { return client.close() }
        guard isAsked || ground.knowsServer else { return sniffer.arm(on: self) }
        tell { [self] in
            do throws(ProxyFailure) {
                try await admit()
                try await approachServer()
                sniffer.arm(on: self)
            } catch {
                if clientRecord.error == nil { clientRecord.error = error.note }
                client.close()
            }
        }
    }

    /// Asks the workers whether the client may connect.
    private func admit() async throws(ProxyFailure) {
        guard hooks.hasListeners(ConnectionHooks.table.clientConnected) else { return }
        var event = ClientEvent(client: clientRecord)
        try await hooks.run(ConnectionHooks.table.clientConnected, &event, waiter: waiter)
        clientRecord.error = event.client.error
        if let error = event.client.error { throw .killed(error) }
    }

    private func watchIdleness() {
        let timeout = TimeAmount.seconds(Int64(services.settings[ProxyOptions.table.tcpTimeout]))
        let next = lastActivity + timeout
        idleness = loop.assumeIsolated().scheduleTask(deadline: next) { [weak self] in
            self?.assumeIsolated { session in
                guard !session.isEnded else { return }
                if session.lastActivity + timeout <= .now() {
                    return session.end(
                        ProxyFailure(
                            .timeout, fault: .client, "nothing has passed for \(timeout.nanoseconds / 1_000_000_000) seconds"))
                }
                session.watchIdleness()
            }
        }
    }

    // MARK: What the handlers report

    func received(_ bytes: ByteBuffer, from peer: Peer) {
        lastActivity = .now()
        peer.sawBytes(bytes.readableBytes)
        peer.consumer?.received(bytes, on: self)
    }

    func inputClosed(_ key: Int) {
        guard let peer = peers[key] else { return }
        peer.sawInputClosed()
        peer.consumer?.inputClosed(on: self)
    }

    func failed(_ key: Int) { peers[key]?.sawFailure() }

    func becameWritable(_ key: Int) { peers[key]?.consumer?.becameWritable(on: self) }

    func closed(_ key: Int) {
        guard let peer = peers.removeValue(forKey: key) else { return }
        peer.sawClosed()
        let consumer = peer.consumer
        peer.consumer = nil
        if key == Self.clientKey {
            clientEnded(consumer)
        } else if let index = servers.firstIndex(where: { $0.peerKey == key }) {
            let server = servers.remove(at: index)
            consumer?.closed(on: self)
            serverEnded(server)
        } else {
            consumer?.closed(on: self)
        }
    }

    private func clientEnded(_ consumer: (any ByteConsumer)?) {
        isEnded = true
        idleness?.cancel()
        services.sessions.remove(self)
        clientRecord.timestampEnd = WallClock.now
        consumer?.closed(on: self)
        waiter.end(.clientGone)
        if !isNested {
            services.meters.openClientConnections.decrement()
            log(.debug, "\(clientRecord.peername): client disconnect")
            hooks.notify(ConnectionHooks.table.clientDisconnected, ClientEvent(client: clientRecord))
        }
        leaveServers()
        let outliving = servers.filter(\.outlivesClient).map(\.peerKey)
        for (key, peer) in peers where !outliving.contains(key) { peer.close() }
    }

    private func serverEnded(_ server: ServerConnection) {
        server.record.timestampEnd = WallClock.now
        services.meters.openServerConnections.decrement()
        hooks.notify(ConnectionHooks.table.serverDisconnected, ServerEvent(server: server.record, client: frozenClientRecord))
    }

    /// Closes the connections that a replayed request has left behind.
    public func endReplay() {
        isEnded = true
        leaveServers()
        for server in servers { server.peer.close() }
    }

    /// Closes the client's connection for a reason of ours.
    func end(_ failure: ProxyFailure) {
        if ownEnd == nil { ownEnd = failure }
        client.close()
    }

    /// Begins the end: each exchange is the last of its connection from now on, as far as the protocol can say so. What a client is
    /// just sending is still served; the session ends when nothing has passed for `silence` and no exchange is open.
    func drain(silence: TimeAmount) {
        guard !isDraining else { return }
        isDraining = true
        (client.consumer as? any DrainingConsumer)?.drain()
        endWhenSilent(silence)
    }

    private func endWhenSilent(_ silence: TimeAmount) {
        guard !isEnded else { return }
        let now = NIODeadline.now()
        if openExchanges == 0, lastActivity + silence <= now { return end(.stopping) }
        // With an exchange open, it is asked again.
        let next = (openExchanges == 0 ? lastActivity : now) + silence
        loop.assumeIsolated().scheduleTask(deadline: next) { [weak self] in
            self?.assumeIsolated { $0.endWhenSilent(silence) }
        }
    }

    // MARK: Servers

    /// Takes a connected channel in as a server's connection. Nil if the client has left meanwhile.
    func adopt(_ channel: any Channel, key: ServerKey, record: Server) throws -> ServerConnection? {
        guard let server = try seat(channel, key: key, record: record) else {
            channel.close(promise: nil)
            return nil
        }
        services.meters.serverConnections.increment()
        services.meters.openServerConnections.increment()
        return server
    }

    /// The same for a channel that is counted already, and stays open if there is no taking it in.
    func seat(_ channel: any Channel, key: ServerKey, record: Server, isBare: Bool = true) throws -> ServerConnection? {
        guard !isEnded else { return nil }
        let peer = Peer(channel, executor, services.meters.server)
        let peerKey = nextPeerKey
        nextPeerKey += 1
        try peer.attach(PeerHandler(session: self, peer: peer, key: peerKey), isBare: isBare)
        peers[peerKey] = peer
        let server = ServerConnection(peer: peer, peerKey: peerKey, key: key, record: record)
        servers.append(server)
        return server
    }

    /// Lets go of a server's connection, without a word to anybody; the result is its channel, which somebody else takes.
    func giveAway(_ server: ServerConnection) -> (any Channel)? {
        servers.removeAll { $0 === server }
        peers[server.peerKey] = nil
        return server.peer.detach()
    }
}

extension Address {
    /// The numeric address of a socket.
    public init(_ address: SocketAddress?) {
        self.init(host: address?.ipAddress ?? "", port: address?.port ?? 0)
    }
}
