import FlowModel

/// Servers that are connected to before the client has said anything.
extension Session {
    /// Connects to the server where the mode says which one it is. The client's bytes wait meanwhile.
    func approachServer() async throws(ProxyFailure) {
        guard ground.knowsServer, let target = ground.target else { return }
        let name = ground.targetUsesTLS ? target.host : nil
        let key = ServerKey(address: target, tls: ground.targetUsesTLS, serverName: name)
        do throws(ProxyFailure) {
            let server = try await connect(key, alpnOffers: [], waiter: waiter)
            server.isIdle = true
            ground.eagerServer = key
        } catch {
            if error.what != .cancelled { log(.warning, "\(clientRecord.peername): \(error.note)") }
            throw error
        }
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
