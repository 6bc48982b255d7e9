import FlowModel
import NIOCore
import ProxyKernel

/// A raw TCP connection through the proxy, from its first bytes to its record. Confined to its session's loop.
///
/// `run` is the story; the two directions run beside it.
final class TCPTunnel: @unchecked Sendable {
    private let exchange: TransportExchange<TCP>
    private let over: Pending<Void>
    private var directions: (client: TCPDirection, server: TCPDirection)?
    /// A side that is gone before its time, while what it sent before is still on its way.
    private var loss: ProxyFailure?

    init(_ session: isolated Session) {
        let flow = TCPFlow(
            id: Identifier.uuid4(), client: session.frozenClientRecord, server: session.targetRecord,
            timestampCreated: WallClock.now)
        exchange = TransportExchange(flow, loop: session.loop, services: session.services, hooks: session.hooks)
        over = Pending(on: session.loop)
    }

    /// Takes the client over, which has said `held` so far, and starts the story.
    func start(_ held: ByteBuffer, on session: isolated Session) {
        let fromClient = TCPDirection(isFromClient: true, self, exchange)
        let fromServer = TCPDirection(isFromClient: false, self, exchange)
        directions = (fromClient, fromServer)
        // Now: what comes before the story's first step must not be lost.
        fromClient.listen(to: session.client, early: held)
        exchange.inject = { [unowned session] message throws(InjectionRefusal) in
            let direction = message.toClient ? fromServer : fromClient
            let result = session.assumeIsolated { session in
                Result { () throws(InjectionRefusal) in try direction.inject(message.content, on: session) }
            }
            try result.get()
        }
        session.tell { await self.run(fromClient, fromServer, on: session) }
    }

    private func run(_ fromClient: TCPDirection, _ fromServer: TCPDirection, on session: isolated Session) async {
        defer {
            directions = nil
            exchange.inject = nil
        }
        var server: ServerConnection?
        do throws(ProxyFailure) {
            try await exchange.begin()
            let connected = try await session.connectToTarget(waiter: exchange.waiter)
            server = connected
            connected.outlivesClient = true
            exchange.connected(connected.frozenRecord)
            fromServer.listen(to: connected.peer, early: session.takeSpokenFirst())
            fromServer.open(to: session.client, on: session)
            fromClient.open(to: connected.peer, on: session)
            try await over.wait(as: exchange.waiter)
            if let loss { throw loss }
            closeSoon(session, connected.peer)
            await exchange.end()
        } catch {
            fromClient.stop(error)
            fromServer.stop(error)
            if error.what == .connect { session.client.close() } else { session.client.abort() }
            server?.peer.abort()
            await exchange.fail(session.ownEnd ?? error)
        }
    }

    /// Closes both sides as soon as this loop is free: the flow's last event leaves before those of the connections' ends do.
    private func closeSoon(_ session: isolated Session, _ server: Peer) {
        let client = session.client
        session.loop.assumeIsolated().execute {
            client.close()
            server.close()
        }
    }

    func other(of direction: TCPDirection) -> TCPDirection? {
        direction.isFromClient ? directions?.server : directions?.client
    }

    func directionEnded() {
        if let directions, directions.client.isDone, directions.server.isDone { over.resume(()) }
    }

    /// A direction's message could not be passed on.
    func broke(_ failure: ProxyFailure) { exchange.waiter.end(failure) }

    /// A side's connection is gone, both ways. What it sent before its end still goes its way; what the other sends does not.
    func lost(_ direction: TCPDirection, hasEnded: Bool) {
        guard let other = other(of: direction), !(hasEnded && other.isDone) else { return }
        let failure =
            direction.isFromClient
            ? ProxyFailure(.cancelled, fault: .client, "the client's connection was lost before the server had ended")
            : ProxyFailure(.closed, fault: .server, "the server's connection was lost before the client had ended")
        guard hasEnded else { return broke(failure) }
        loss = failure
        other.stop(failure)
        directionEnded()
    }
}
