import FlowModel
import Glibc
import NIOCore
import NIOPosix
import Schema
import TLSEngine

extension Session {
    /// The target's record before there is a connection, or the eager connection's own.
    public var targetRecord: Frozen<Server> {
        if let key = ground.eagerServer, let server = servers.first(where: { $0.key == key }) { return server.frozenRecord }
        if let unconnected, unconnected.value.address == ground.target { return unconnected }
        var record = Server(id: Identifier.uuid4(), address: ground.target)
        record.via = ground.via
        let frozen = Frozen(record)
        unconnected = frozen
        return frozen
    }

    /// An idle connection with that key, kept from an earlier exchange or made before the first.
    ///
    /// Only a relay can use one whose server says no more.
    /// What was another client's is only for requests that can be sent again.
    public func reuse(
        _ key: ServerKey, forUpgrade: Bool = false, evenHalfClosed: Bool = false, isRepeatable: @autoclosure () -> Bool = true
    ) -> ServerConnection? {
        for server in servers where server.hasRoom(forUpgrade: forUpgrade) && server.peer.isOpen && server.key == key {
            guard evenHalfClosed || !server.peer.inputIsClosed, !server.cameFromOthers || isRepeatable() else { continue }
            server.isIdle = false
            return server
        }
        return nil
    }

    /// Keeps a connection for the next exchange.
    public func release(_ server: ServerConnection) {
        server.wasUsed = true
        server.cameFromOthers = false
        server.isIdle = true
        server.peer.consumer = server.watcher
        server.peer.setReading(true)
    }

    /// Makes a new connection, with its events, and TLS on it if the key says so.
    public func connect(_ key: ServerKey, alpnOffers: [ByteString], waiter: Waiter) async throws(ProxyFailure)
        -> ServerConnection
    {
        let server: ServerConnection
        if let ahead = takeConnectionAhead(for: key) {
            server = ahead
        } else {
            server = try await dial(key, waiter: waiter)
        }
        if key.tls { try await startTLS(on: server, alpnOffers: alpnOffers, waiter: waiter) }
        guard key.http2, !key.tls, let multiplex = services.multiplex else { return server }
        let early = server.peer.consumer as? Holder
        let multiplexer = multiplex(server, self)
        server.multiplexer = multiplexer
        early?.release(to: multiplexer, on: self)
        do throws(ProxyFailure) {
            try await multiplexer.opened(waiter: waiter, on: self)
        } catch {
            guard error.retry == .yes, ground.cleartextHTTP2 == .ifSpoken else { throw error }
            log(.debug, "\(clientRecord.peername): \(error.note); it is spoken to in HTTP/1")
            ground.cleartextHTTP2 = .no
            var plain = key
            plain.http2 = false
            return try await connect(plain, alpnOffers: alpnOffers, waiter: waiter)
        }
        return server
    }

    /// The connection that was made before it was known that HTTP/2 is to be spoken on it, with what the server has said so far.
    private func takeConnectionAhead(for key: ServerKey) -> ServerConnection? {
        var plain = key
        plain.http2 = false
        guard key.http2, ground.eagerServer == plain, let server = reuse(plain), !server.wasUsed else { return nil }
        server.key = key
        server.peer.consumer = Holder(server.peer, spokenFirst.take() ?? ByteBuffer())
        return server
    }

    /// Makes the TCP connection.
    public func dial(_ key: ServerKey, waiter: Waiter) async throws(ProxyFailure) -> ServerConnection {
        var record = Server(id: Identifier.uuid4(), address: key.address)
        record.tls.isUsed = key.tls
        record.tls.sni = key.serverName
        record.via = key.route.via
        var event = ServerEvent(server: record, client: frozenClientRecord)
        try await hooks.run(ConnectionHooks.table.serverConnect, &event, waiter: waiter)
        do throws(ProxyFailure) {
            if let error = event.server.error { throw .killed("connecting to \(key.address) was refused: \(error)") }
            let address = event.server.address ?? key.address
            let hop = key.route.via?.address ?? address
            for own in [address, hop] where services.ownAddresses.contain(own) {
                throw ProxyFailure(.connect, fault: .client, "\(own) is this proxy itself; a request to it would never end")
            }
            event.server.timestampStart = WallClock.now
            let server = try await open(hop, key: key, record: event.server, waiter: waiter)
            try await follow(key.route, to: address, on: server, waiter: waiter)
            log(.debug, "\(clientRecord.peername): server connect \(address)")
            var connected = ServerEvent(server: server.record, client: frozenClientRecord)
            try await hooks.run(ConnectionHooks.table.serverConnected, &connected, waiter: waiter)
            return server
        } catch {
            services.meters.connectFailed(error)
            event.server.error = error.note
            event.server.timestampEnd = WallClock.now
            if error.what == .cancelled {
                hooks.notify(ConnectionHooks.table.serverConnectError, event)
            } else {
                try? await hooks.run(ConnectionHooks.table.serverConnectError, &event, waiter: waiter)
            }
            throw error
        }
    }

    private func open(_ address: Address, key: ServerKey, record: Server, waiter: Waiter) async throws(ProxyFailure)
        -> ServerConnection
    {
        let seconds = services.settings[ProxyOptions.table.connectTimeout]
        let arrival = Pending<Int>(on: loop)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.seconds(Int64(seconds)))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.becomeStream(firstRead: 2048) }
            }
        // Names are looked up on another thread, and the addresses raced.
        let known = try? SocketAddress(ipAddress: address.host, port: address.port)
        (known.map { bootstrap.connect(to: $0) } ?? bootstrap.connect(host: address.host, port: address.port))
            .whenComplete { result in
                self.assumeIsolated { session in
                    switch result {
                    case .success(let channel):
                        guard arrival.isOpen, let server = try? session.adopt(channel, key: key, record: record) else {
                            channel.close(promise: nil)
                            return arrival.fail(.clientGone)
                        }
                        server.record.peername = Address(channel.remoteAddress)
                        server.record.sockname = Address(channel.localAddress)
                        server.record.timestampTCPSetup = WallClock.now
                        server.peer.consumer = key.http2 ? Holder(server.peer) : server.watcher
                        arrival.resume(server.peerKey)
                    case .failure(let error):
                        arrival.fail(Self.failure(to: address, key, error, seconds))
                    }
                }
            }
        let peerKey = try await arrival.wait(as: waiter)
        guard let server = servers.first(where: { $0.peerKey == peerKey }) else {
            throw ProxyFailure(.connect, fault: .server, retry: .yes, "\(address) closed the connection at once")
        }
        return server
    }

    private static func failure(to address: Address, _ key: ServerKey, _ error: any Error, _ seconds: Int) -> ProxyFailure {
        let (reason, number) = reason(error, seconds)
        let place = key.route.via == nil ? "\(address)" : "upstream proxy \(address) for \(key.address)"
        var failure = ProxyFailure(.connect, fault: .server, "cannot connect to \(place): \(reason)")
        failure.systemError = number
        return failure
    }

    /// The sentence behind NIO's connection errors, and the system's error number.
    private static func reason(_ error: any Error, _ seconds: Int) -> (String, Int32?) {
        switch error {
        case let error as IOError: return (String(cString: strerror(error.errnoCode)), error.errnoCode)
        case let error as NIOConnectionError:
            if let error = error.connectionErrors.first { return reason(error.error, seconds) }
            return (error.dnsAError != nil || error.dnsAAAAError != nil ? "the name does not resolve" : "\(error)", nil)
        case ChannelError.connectTimeout: return ("no answer within \(seconds) seconds", ETIMEDOUT)
        default: return ("\(error)", nil)
        }
    }

    /// Speaks TLS on a connection that speaks none yet.
    public func startTLS(on server: ServerConnection, alpnOffers: [ByteString], waiter: Waiter) async throws(ProxyFailure) {
        server.key.tls = true
        server.record.tls.isUsed = true
        server.record.tls.sni = server.key.serverName
        server.record.tls.alpnOffers = alpnOffers
        var event = TLSEvent(client: frozenClientRecord, server: server.frozenRecord)
        try await hooks.run(TLSHooks.table.startServer, &event, waiter: waiter)
        let name = server.key.serverName ?? server.key.address.host
        do throws(ProxyFailure) {
            let tls: TLSConnection
            do throws(TLSFailure) {
                tls = try services.contexts.connectUpstream(
                    services.upstream, host: server.key.address.host, port: server.key.address.port, sni: name,
                    alpnOffers: alpnOffers.map(\.bytes))
            } catch {
                throw ProxyFailure(.tls, fault: .us, "TLS with \(server.key.address): \(error.reason)")
            }
            let handshake = Pending<Negotiated>(on: loop)
            // The server's first words may come together with its last handshake message.
            let early = Holder(server.peer)
            server.peer.consumer = early
            try addTLS(tls, to: server.peer, held: nil, reportingTo: handshake)
            let agreed: Negotiated
            do throws(ProxyFailure) {
                agreed = try await handshake.wait(as: waiter)
            } catch {
                throw ProxyFailure(error.what, fault: .server, "TLS with \(server.key.address): \(error.note)")
            }
            services.meters.server.handshakes.increment()
            server.record.tls.fill(agreed)
            server.upstreamCertificate = agreed.peerCertificates.first
            if server.record.tls.alpn == "h2", ground.admits != .raw, let multiplex = services.multiplex {
                server.multiplexer = multiplex(server, self)
            } else {
                server.peer.consumer = server.watcher
            }
            early.release(to: server.peer.consumer, on: self)
        } catch {
            if error.what == .tls { services.meters.server.handshakeFailures.increment() }
            server.record.error = error.note
            var failed = TLSEvent(client: frozenClientRecord, server: server.frozenRecord)
            if error.what != .cancelled { try? await hooks.run(TLSHooks.table.failedServer, &failed, waiter: waiter) }
            server.peer.close()
            throw error
        }
        var established = TLSEvent(client: frozenClientRecord, server: server.frozenRecord)
        try await hooks.run(TLSHooks.table.establishedServer, &established, waiter: waiter)
        guard server.peer.isOpen else {
            throw ProxyFailure(
                .closed, fault: .server, retry: .yes, "\(server.key.address) closed the connection after the TLS handshake")
        }
    }

    /// Puts TLS between a peer's socket and its consumer. The handshake's end is reported on this loop.
    func addTLS(_ tls: TLSConnection, to peer: Peer, held: ByteBuffer?, reportingTo handshake: Pending<Negotiated>)
        throws(ProxyFailure)
    {
        let watch = HandshakeWatch(handshake)
        let handler = TLSHandler(connection: tls, delegate: watch, isAtSocket: peer.isBare)
        do {
            try peer.insert(handler)
        } catch {
            throw ProxyFailure(.closed, fault: .server, "the connection was closed before the TLS handshake")
        }
        if let held { handler.receiveHeldBytes(held) }
    }
}

extension TLSDetails {
    /// What a handshake agreed on.
    mutating func fill(_ agreed: Negotiated) {
        version = agreed.version
        cipher = agreed.cipher
        alpn = ByteString(agreed.alpn ?? [])
        certificateList = agreed.peerCertificates.map { ByteString($0.pem) }
        timestampSetup = WallClock.now
    }
}

/// Turns the end of a handshake into the end of a wait.
private final class HandshakeWatch: TLSHandlerDelegate {
    private let handshake: Pending<Negotiated>

    init(_ handshake: Pending<Negotiated>) { self.handshake = handshake }

    func tlsEstablished(_ connection: TLSConnection) { handshake.resume(connection.negotiated) }
    func tlsFailed(_ failure: TLSFailure) {
        var end = ProxyFailure(.tls, fault: .server, failure.reason)
        switch failure.what {
        case .clientRejectedCertificate, .closedDuringHandshake: end.isRejection = true
        default: break
        }
        handshake.fail(end)
    }
}

/// Watches a connection that no exchange uses: whatever comes from it then ends it, but for a server that speaks first.
final class IdleServer: ByteConsumer {
    private unowned let server: ServerConnection

    init(_ server: ServerConnection) { self.server = server }

    func received(_ bytes: ByteBuffer, on session: isolated Session) {
        guard !server.wasUsed, session.ground.admits != .http || !server.key.tls else { return server.peer.close() }
        session.spokenFirst = session.spokenFirst.map { $0 + bytes } ?? bytes
        server.peer.setReading(false)
        (session.client.consumer as? Sniffer)?.serverSpoke(on: session)
    }

    func inputClosed(on session: isolated Session) {
        // A server that greets and ends is heard out by whoever relays it.
        if server.wasUsed || session.spokenFirst == nil { server.peer.close() }
    }

    func becameWritable(on session: isolated Session) {}
    func closed(on session: isolated Session) {}
}

private func + (left: ByteBuffer, right: ByteBuffer) -> ByteBuffer {
    var sum = left
    sum.writeImmutableBuffer(right)
    return sum
}
