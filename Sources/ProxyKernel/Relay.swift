import NIOCore

/// Passes bytes between two conduits untouched, each side's reading held up by the other's writing. Half-closes pass too.
public final class Relay: ByteConsumer {
    private let from: any Conduit
    private let to: any Conduit

    private init(from: any Conduit, to: any Conduit) {
        self.from = from
        self.to = to
    }

    /// Joins two conduits both ways; what was read already goes first.
    public static func join(_ clientEnd: TunnelEnd, _ serverEnd: TunnelEnd) {
        let (client, server) = (clientEnd.conduit, serverEnd.conduit)
        client.consumer = Relay(from: client, to: server)
        server.consumer = Relay(from: server, to: client)
        server.write(clientEnd.early)
        client.write(serverEnd.early)
        if client.inputIsClosed { server.closeOutput() }
        if server.inputIsClosed { client.closeOutput() }
        client.setReading(true)
        server.setReading(true)
    }

    public func received(_ bytes: ByteBuffer, on session: isolated Session) {
        to.write(bytes)
        if !to.isWritable { from.setReading(false) }
    }

    public func becameWritable(on session: isolated Session) { to.setReading(true) }

    public func inputClosed(on session: isolated Session) {
        to.closeOutput()
        if to.inputIsClosed {
            to.close()
            from.close()
        }
    }

    public func closed(on session: isolated Session) { to.close() }
}

extension Session {
    /// Relays the client to the ground's target, connecting first if need be.
    public func relay(_ held: ByteBuffer) {
        let holder = Holder(client, held)
        client.consumer = holder
        tell { [self] in await relay(holder) }
    }

    private func relay(_ holder: Holder) async {
        do throws(ProxyFailure) {
            let server = try await connectToTarget(waiter: waiter)
            Relay.join(
                TunnelEnd(client, early: holder.bytes), TunnelEnd(server.peer, early: takeSpokenFirst()))
        } catch {
            log(.warning, "\(clientRecord.peername): \(error.note)")
            client.close()
        }
    }

    /// The connection on which the ground's target is spoken to: the one that was made ahead, or a new one.
    public func connectToTarget(waiter: Waiter) async throws(ProxyFailure) -> ServerConnection {
        guard let target = ground.target else {
            throw ProxyFailure(.connect, fault: .client, "nobody said which server is meant")
        }
        if let failure = ground.eagerFailure { throw failure }
        let key =
            ground.eagerServer
            ?? ServerKey(address: target, tls: ground.targetUsesTLS, serverName: ground.serverName, route: ground.route())
        if let open = reuse(key, evenHalfClosed: true) { return open }
        return try await connect(key, alpnOffers: agreedALPN, waiter: waiter)
    }

    /// What the server has said before its client, for whoever passes it on.
    public func takeSpokenFirst() -> ByteBuffer { spokenFirst.take() ?? ByteBuffer() }
}
