import FlowModel
import NIOCore
import ProxyKernel

/// The datagrams between one client's address and port and its server: one flow. Confined to the association's loop.
///
/// `run` is the story: start, connect, then one datagram after another, from whichever side it came, until the association is over.
/// While it waits for a hook, datagrams queue up to a bound; what is more is lost, as on any network.
final class Conversation: DatagramConsumer, @unchecked Sendable {
    private let exchange: TransportExchange<UDP>
    private let target: Address
    private var queue = DatagramQueue<(isFromClient: Bool, bytes: ByteBuffer)>()
    /// Set while the story has nothing to do.
    private var arrival: Pending<Void>?
    private var isOver = false
    private var server: DatagramServer?

    private init(_ exchange: TransportExchange<UDP>, target: Address) {
        self.exchange = exchange
        self.target = target
    }

    /// Begins the story on an association of the mode `reverse:udp`.
    static func begin(on association: isolated Association, to target: Address) -> Conversation {
        let flow = UDPFlow(
            id: Identifier.uuid4(), client: association.frozenClientRecord, server: association.targetRecord,
            timestampCreated: WallClock.now)
        let exchange = TransportExchange<UDP>(
            flow, loop: association.loop, services: association.services, hooks: association.hooks)
        let conversation = Conversation(exchange, target: target)
        association.tell { await conversation.run(on: association) }
        return conversation
    }

    func received(_ bytes: ByteBuffer, on association: isolated Association) { take(bytes, isFromClient: true, on: association) }

    func ended(_ end: AssociationEnd, on association: isolated Association) {
        isOver = true
        // If the story does not wait for datagrams, a worker thinks about one, or somebody holds it: nobody will need it.
        if arrival == nil { exchange.waiter.end(.clientGone) }
        wake(on: association)
    }

    private func take(_ bytes: ByteBuffer, isFromClient: Bool, on association: isolated Association) {
        if arrival != nil, queue.isEmpty, !exchange.isObserved {
            exchange.count()
            return forward(bytes, isFromClient: isFromClient, on: association)
        }
        guard queue.append((isFromClient, bytes), size: bytes.readableBytes) else { return association.droppedForQueue() }
        wake(on: association)
    }

    /// From here on the association is not idle, though the story goes on in the loop's next turn only.
    private func wake(on association: isolated Association) {
        guard let arrival = arrival.take() else { return }
        association.openWork()
        arrival.resume(())
    }

    // MARK: The story

    private func run(on association: isolated Association) async {
        do throws(ProxyFailure) {
            try await exchange.begin()
            try await connect(on: association)
            while let (isFromClient, bytes) = try await next(on: association) {
                let passed = try await exchange.pass(bytes, isFromClient: isFromClient, as: exchange.waiter)
                // A datagram may well be empty; one that was made so is dropped.
                guard passed.readableBytes > 0 || bytes.readableBytes == 0 else { continue }
                forward(passed, isFromClient: isFromClient, on: association)
            }
            await exchange.end()
        } catch {
            server?.received = nil
            // Who was killed is not to come back with the next datagram; who could not be served may.
            if error.endsSilently { association.close() } else { association.leave() }
            await exchange.fail(error)
        }
        server?.close()
    }

    private func connect(on association: isolated Association) async throws(ProxyFailure) {
        let server = try await association.dial(target, waiter: exchange.waiter)
        self.server = server
        exchange.connected(server.frozenRecord)
        server.received = { [weak self] bytes in
            association.assumeIsolated { association in
                association.touch()
                self?.take(bytes, isFromClient: false, on: association)
            }
        }
        server.undelivered = { [weak self] failure in
            association.log(.debug, failure.note)
            // Where nobody listens now, somebody may later; a socket that is gone is gone.
            if failure.what == .closed { self?.exchange.waiter.end(failure) }
        }
    }

    /// The next datagram, or nil when the association is over. The association is idle while there is none.
    private func next(
        on association: isolated Association
    ) async throws(ProxyFailure) -> (isFromClient: Bool, bytes: ByteBuffer)? {
        while true {
            if let next = queue.next() { return next }
            if isOver { return nil }
            let arrival = Pending<Void>(on: association.loop)
            self.arrival = arrival
            association.closeWork()
            defer {
                // Not by `wake`.
                if self.arrival.take() != nil { association.openWork() }
            }
            try await arrival.wait(as: exchange.waiter)
        }
    }

    private func forward(_ bytes: ByteBuffer, isFromClient: Bool, on association: isolated Association) {
        if isFromClient {
            if server?.write(bytes) == false { association.droppedForQueue() }
        } else {
            association.send(bytes)
        }
    }
}
