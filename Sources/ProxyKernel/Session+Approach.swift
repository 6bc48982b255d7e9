import FlowModel
import NIOCore

/// Servers that are connected to before the client has said anything.
extension Session {
    /// Connects to the server where the mode says which one it is. The client's bytes wait meanwhile.
    func approachServer() async throws(ProxyFailure) {
        guard ground.knowsServer else { return }
        do throws(ProxyFailure) {
            if case .transparent = ground.mode.kind { return try await approachOriginalDestination() }
            guard let target = ground.target else { return }
            let name = ground.targetUsesTLS ? target.host : nil
            let key = ServerKey(address: target, tls: ground.targetUsesTLS, serverName: name, route: ground.route())
            let server = try await connect(key, alpnOffers: [], waiter: waiter)
            server.isIdle = true
            ground.eagerServer = key
        } catch {
            if error.what != .cancelled { log(.warning, "\(clientRecord.peername): \(error.note)") }
            throw error
        }
    }

    /// The client's connection is a tunnel to where it wanted to go.
    private func approachOriginalDestination() async throws(ProxyFailure) {
        guard let target = client.channel.flatMap(OriginalDestination.of) else {
            throw ProxyFailure(
                .connect, fault: .client,
                "the connection to \(clientRecord.sockname) was not redirected to us; transparent mode needs a rule of the firewall that does that"
            )
        }
        let eager = try await dialAhead(target, waiter: waiter)
        ground.enterTunnel(to: target, eager: eager?.key)
    }

    /// Connects to a tunnel's server before the client says what it wants there; nil if servers are connected to later.
    public func dialAhead(_ target: Address, waiter: Waiter) async throws(ProxyFailure) -> ServerConnection? {
        guard isEager else { return nil }
        let server = try await dial(
            ServerKey(address: target, tls: false, serverName: nil, route: ground.route()), waiter: waiter)
        server.isIdle = true
        return server
    }

    /// From here on the client speaks to a server of its choice, and what it says is inspected anew; `early` it has said already.
    public func enterTunnel(to target: Address, eager: ServerConnection?, early: ByteBuffer) {
        ground.enterTunnel(to: target, eager: eager?.key)
        let sniffer = Sniffer(admits: ground.admits)
        client.consumer = sniffer
        client.setReading(true)
        sniffer.arm(on: self)
        if early.readableBytes > 0 { sniffer.received(early, on: self) }
    }

    /// The bytes are passed on as they come, whatever was made ready for HTTP; `isTLS` says that they are the client's own TLS.
    func becomeRaw(isTLS: Bool) {
        ground.admits = .raw
        if isTLS { forgoTLS() }
        guard let eager = ground.eagerServer, let server = servers.first(where: { $0.key == eager }), server.multiplexer != nil
        else {
            return
        }
        server.peer.close()
        ground.eagerServer = nil
    }

    /// What a server is offered in TLS where the client's bytes are passed on: what we have agreed on with the client.
    var agreedALPN: [ByteString] {
        guard ground.clientUsesTLS, let agreed = clientRecord.tls.alpn, !agreed.isEmpty else { return [] }
        return [agreed]
    }

    /// The client's own TLS is to reach the server: a connection on which we speak TLS ourselves is of no use for that.
    func forgoTLS() {
        ground.targetUsesTLS = false
        guard let eager = ground.eagerServer, eager.tls else { return }
        servers.first { $0.key == eager }?.peer.close()
        ground.eagerServer = nil
        spokenFirst = nil
    }
}
