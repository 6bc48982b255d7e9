import FlowModel
import NIOCore

/// Servers' connections that go from one client's session to another's.
extension Session {
    /// Whether they may: the operator wants it, and no addon follows connections to servers, each of which has one client to it.
    public var sharesServers: Bool {
        guard present.sharesServers else { return false }
        let connection = ConnectionHooks.table, tls = TLSHooks.table
        let isFollowed =
            hooks.hasListeners(connection.serverConnect) || hooks.hasListeners(connection.serverConnected)
            || hooks.hasListeners(connection.serverConnectError) || hooks.hasListeners(connection.serverDisconnected)
            || hooks.hasListeners(tls.startServer) || hooks.hasListeners(tls.establishedServer)
            || hooks.hasListeners(tls.failedServer)
        return !isFollowed
    }

    /// A connection that another client has left behind, with the same way and the same TLS.
    func takeOver(_ key: ServerKey, offersHTTP2: Bool) -> ServerConnection? {
        guard !key.http2, sharesServers, let kept = executor.idleServers.take(key, offersHTTP2: offersHTTP2) else { return nil }
        guard let server = try? seat(kept.channel, key: key, record: kept.record, isBare: kept.isBare) else {
            kept.channel.close(mode: .all, promise: nil)
            kept.ended()
            return nil
        }
        server.upstreamCertificate = kept.certificate
        server.wasUsed = true
        server.cameFromOthers = true
        server.peer.consumer = server.watcher
        return server
    }

    /// Leaves what others can use behind, when the client has left.
    func leaveServers() {
        guard servers.contains(where: \.servesOthers), sharesServers else { return }
        let settings = services.settings
        for server in servers where server.servesOthers {
            guard let channel = giveAway(server) else { continue }
            executor.idleServers.keep(
                KeptServer(channel, of: server, services.meters), limit: settings[ProxyOptions.table.serverReuseLimit],
                for: settings[ProxyOptions.table.serverReuseTimeout])
        }
    }
}

extension ServerConnection {
    /// Whether nothing of the client that has left sticks to it. A tunnel was opened for it by name.
    fileprivate var servesOthers: Bool {
        if case .tunnel = key.route { return false }
        return isIdle && wasUsed && !isPersonal && multiplexer == nil && peer.isOpen && !peer.inputIsClosed
    }
}
