import FlowModel
import Logging
import NIOCore
import Schema

/// One client's address and port on one of our UDP ports, and all that is done for it: what a `Session` is for a TCP connection.
/// Pinned to the port's event loop.
///
/// States: being let in, while its datagrams wait; open; refused or closed (both swallow what comes, so that a client that was
/// refused or killed does not come back with its next datagram); ended, when its port has forgotten it.
public actor Association {
    public nonisolated let loop: any EventLoop
    public nonisolated let services: Services
    public nonisolated let hooks: any HookPort
    public nonisolated let mode: ModeSpec
    private nonisolated let executor: LoopExecutor
    public nonisolated let unownedExecutor: UnownedSerialExecutor
    private nonisolated let port: DatagramPort
    nonisolated let address: SocketAddress

    public private(set) var clientRecord: Client { didSet { frozenClient = nil } }
    private var frozenClient: Frozen<Client>?
    /// Waits of the association's own stories.
    public let waiter = Waiter()

    private let layer: DatagramLayer
    private var consumer: (any DatagramConsumer)?
    private var waiting = DatagramQueue<ByteBuffer>()
    private var isClosed = false
    /// Its end has still to be announced, when what is under way is over.
    private var isLeaving = false
    /// Stories that are not over: while there is one, the association is not idle.
    private var openStories = 0
    /// What the port knows it by.
    nonisolated let entry = AssociationEntry()

    init(
        _ address: SocketAddress, on port: DatagramPort, record: Client, layer: DatagramLayer, mode: ModeSpec, services: Services,
        hooks: any HookPort, executor: LoopExecutor
    ) {
        self.address = address
        self.port = port
        self.layer = layer
        self.mode = mode
        self.services = services
        self.hooks = hooks
        self.executor = executor
        loop = executor.loop
        unownedExecutor = executor.asUnownedSerialExecutor()
        clientRecord = record
        entry.association = self
    }

    public var frozenClientRecord: Frozen<Client> {
        if let frozenClient { return frozenClient }
        let new = Frozen(clientRecord)
        frozenClient = new
        return new
    }

    /// A log line that names the client.
    public nonisolated func log(_ level: Logger.Level, _ text: @autoclosure () -> String) {
        services.logger.log(level: level, "\(text())")
    }

    // MARK: Stories

    /// Starts a linear story on this loop; the association is not idle until it is over.
    public func tell(_ story: @escaping () async -> Void) {
        openWork()
        executor.begin { [self] in
            await story()
            closeWork()
        }
    }

    /// Something is under way, for which the association must stay.
    public func openWork() {
        openStories += 1
        if openStories == 1 { port.becameBusy(entry) }
    }

    public func closeWork() {
        openStories -= 1
        guard openStories == 0 else { return }
        if isLeaving { disconnected() }
        port.becameIdle(entry)
    }

    /// Lets the client in, or not: `client_connected`, then `next_layer`, then the layer takes over.
    func begin() {
        log(.debug, "\(clientRecord.peername): client connect (udp)")
        if let refusal = services.admission.refusal(of: clientRecord.peername.host) {
            log(.warning, refusal)
            clientRecord.error = refusal
        }
        guard hooks.hasListeners(ConnectionHooks.table.clientConnected) || hooks.hasListeners(LayerHooks.table.nextLayer) else {
            return clientRecord.error == nil ? open() : close()
        }
        tell { [self] in
            do throws(ProxyFailure) {
                var event = ClientEvent(client: clientRecord)
                try await hooks.run(ConnectionHooks.table.clientConnected, &event, waiter: waiter)
                clientRecord.error = event.client.error
                if let error = event.client.error { throw .killed(error) }
                try await announceLayer()
                open()
            } catch {
                clientRecord.error = error.note
                close()
            }
        }
    }

    private func announceLayer() async throws(ProxyFailure) {
        guard let name = layer.name, hooks.hasListeners(LayerHooks.table.nextLayer) else { return }
        let seen = waiting.first.map { ByteString($0.readableBytesView.prefix(1024)) } ?? ""
        var event = NextLayerEvent(client: frozenClientRecord, server: targetRecord, dataClient: seen, layer: name)
        try await hooks.run(LayerHooks.table.nextLayer, &event, waiter: waiter)
    }

    /// The record of flows that have no server yet.
    public var targetRecord: Frozen<Server> {
        var address: Address?
        if case .reverse(_, let server) = mode.kind { address = server }
        var record = Server(id: Identifier.uuid4(), address: address)
        record.transportProtocol = Transport.udp.rawValue
        return Frozen(record)
    }

    private func open() {
        guard !isClosed else { return }
        let consumer = layer.start(self)
        self.consumer = consumer
        while let bytes = waiting.next() { consumer.received(bytes, on: self) }
    }

    // MARK: Datagrams

    func received(_ bytes: ByteBuffer) {
        guard !isClosed else { return }
        if let consumer { return consumer.received(bytes, on: self) }
        if !waiting.append(bytes, size: bytes.readableBytes) { port.dropped(.queue) }
    }

    /// Sends a datagram to the client, at the end of the loop's turn.
    public func send(_ bytes: ByteBuffer) { port.send(bytes, to: address) }

    /// A datagram of this association was dropped because too many wait.
    public func droppedForQueue() { port.dropped(.queue) }

    /// Nothing came in from the client, but from the server: the association is in use all the same.
    public func touch() { port.touched(entry) }

    // MARK: The end

    /// Ends all work for the client. What it sends from now on is swallowed until it has been silent for a while.
    public func close() {
        guard !isClosed else { return }
        isClosed = true
        waiting.removeAll()
        consumer = nil
        isLeaving = true
        if openStories == 0 { disconnected() }
    }

    /// Ends the association: the client's next datagram begins another.
    public func leave() { port.forget(entry, .left) }

    /// The port has forgotten the association.
    func end(_ end: AssociationEnd) {
        guard !isClosed else { return }
        isClosed = true
        let consumer = consumer
        self.consumer = nil
        consumer?.ended(end, on: self)
        waiter.end(.clientGone)
        isLeaving = true
        if openStories == 0 { disconnected() }
    }

    private func disconnected() {
        isLeaving = false
        log(.debug, "\(clientRecord.peername): client disconnect (udp)")
        clientRecord.timestampEnd = WallClock.now
        hooks.notify(ConnectionHooks.table.clientDisconnected, ClientEvent(client: clientRecord))
    }
}
