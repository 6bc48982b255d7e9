import FlowModel
import NIOCore
import Schema
import TLSEngine

extension Session {
    /// The life of a ClientHello: decide, know the server's certificate if that is wanted, then answer with one of our own.
    public func intercept(_ hello: ClientHello, _ held: ByteBuffer) async {
        ground.serverName = hello.serverName
        var record = clientRecord
        record.tls.isUsed = true
        record.tls.sni = hello.serverName
        record.tls.alpnOffers = hello.alpnProtocols.map { ByteString($0) }
        clientRecord = record
        do throws(ProxyFailure) {
            let wishes = try await tell(hello)
            if wishes?.ignoresConnection == true || isPinned(hello) {
                // The client's own TLS goes through.
                forgoTLS()
                return relay(held)
            }
            if ground.mirrorsTLS { ground.targetUsesTLS = true }
            ground.clientUsesTLS = true
            let isWanted = wishes?.establishesServerFirst == true || isEager || ground.eagerServer != nil
            if let target = ground.target, ground.targetUsesTLS, isWanted, ground.eagerServer?.tls != true {
                await learnCertificate(of: target, hello)
            }
            try await answer(hello, held)
        } catch {
            client.close()
        }
    }

    /// *tls_clienthello*; nil where nobody listens, for whom no record of the server is made and kept.
    private func tell(_ hello: ClientHello) async throws(ProxyFailure) -> ClientHelloEvent? {
        guard hooks.hasListeners(TLSHooks.table.clientHello) else { return nil }
        var event = ClientHelloEvent(hello: HelloRecord(hello), client: frozenClientRecord, server: targetRecord)
        try await hooks.run(TLSHooks.table.clientHello, &event, waiter: waiter)
        return event
    }

    /// An event of the client's handshake, for those who listen.
    private func tell(_ hook: Hook<TLSEvent>, _ server: Frozen<Server>? = nil) async throws(ProxyFailure) {
        guard hooks.hasListeners(hook) else { return }
        var event = TLSEvent(client: frozenClientRecord, server: server ?? targetRecord)
        try await hooks.run(hook, &event, waiter: waiter)
    }

    /// Whether servers are connected to before a request needs them.
    public var isEager: Bool {
        let table = ProxyOptions.table
        return services.settings[table.connectionStrategy] == "eager" && services.settings[table.upstreamCert]
    }

    /// The server's handshake, before ours with the client. Its failure is kept for the first request; the client is answered anyway.
    private func learnCertificate(of target: Address, _ hello: ClientHello) async {
        let key = ServerKey(
            address: target, tls: true, serverName: ground.isReverse ? target.host : hello.serverName ?? target.host,
            route: ground.route())
        let offers =
            ground.admits == .raw
            ? clientRecord.tls.alpnOffers : hello.alpnProtocols.isEmpty ? [] : alpnOffers(forUpgrade: false)
        do throws(ProxyFailure) {
            let server: ServerConnection
            if let eager = ground.eagerServer, let open = reuse(eager) {
                server = open
                server.key = key
                try await startTLS(on: server, alpnOffers: offers, waiter: waiter)
            } else if ground.admits == .http, let kept = takeOver(key, offersHTTP2: offers.contains("h2")) {
                server = kept
            } else {
                server = try await connect(key, alpnOffers: offers, waiter: waiter)
            }
            server.isIdle = true
            ground.eagerServer = key
        } catch {
            ground.eagerServer = nil
            ground.eagerFailure = error
            log(.warning, "\(clientRecord.peername): \(error.note)")
        }
    }

    /// Our handshake with the client, then the protocol inside.
    private func answer(_ hello: ClientHello, _ held: ByteBuffer) async throws(ProxyFailure) {
        // An eager connection to the server may end with the client's, before its failure is told.
        let server = hooks.hasListeners(TLSHooks.table.failedClient) ? targetRecord : nil
        try await tell(TLSHooks.table.startClient)
        do throws(ProxyFailure) {
            let tls = try acceptTLS(hello)
            let handshake = Pending<Negotiated>(on: loop)
            // Plaintext may come together with the last handshake message: the sniffer holds it until it is armed.
            let sniffer = Sniffer(admits: ground.admits)
            client.consumer = sniffer
            try addTLS(tls, to: client, held: held, reportingTo: handshake)
            let agreed = try await handshake.wait(as: waiter)
            services.meters.client.handshakes.increment()
            clientRecord.tls.fill(agreed)
            try await tell(TLSHooks.table.establishedClient)
            if let host = pinnableHost(hello) { services.pinned.accepted(host) }
            sniffer.arm(on: self)
        } catch {
            guard error.what == .tls else { throw error }
            services.meters.client.handshakeFailures.increment()
            if error.isRejection { rejected(hello) }
            clientRecord.error = error.note
            let name = hello.serverName ?? ground.target?.host ?? "this proxy"
            log(.warning, "\(clientRecord.peername): TLS handshake for \(name) failed: \(error.note). \(Self.advice(error))")
            waiter.reopen()
            try await tell(TLSHooks.table.failedClient, server)
            throw error
        }
    }

    private static func advice(_ error: ProxyFailure) -> String {
        error.isRejection
            ? "If the client does not trust our authority, install CONFDIR/weir-ca-cert.pem there." : ""
    }

    /// What we agree on with the client: what was agreed on with its server, or else the best that we both know.
    private func alpnAnswer(_ hello: ClientHello) -> ByteString? {
        let offered = hello.alpnProtocols.map { ByteString($0) }
        let server = ground.eagerServer.flatMap { key in servers.first { $0.key == key } }
        if let agreed = server?.record.tls.alpn, offered.contains(agreed) { return agreed }
        let speaksHTTP2 = services.settings[ProxyOptions.table.http2]
        // A server that agreed on nothing speaks HTTP/1; who speaks nothing but HTTP/2 is translated for.
        let preferred: [ByteString] = server == nil ? ["h2", "http/1.1"] : ["http/1.1", "h2"]
        return preferred.first { offered.contains($0) && (speaksHTTP2 || $0 != "h2") }
    }

    private func acceptTLS(_ hello: ClientHello) throws(ProxyFailure) -> TLSConnection {
        let certificate = ground.eagerServer.flatMap { key in servers.first { $0.key == key }?.upstreamCertificate }
        let address = ground.target?.host ?? clientRecord.sockname.host
        let names = LeafCache.names(forUpstream: certificate, sni: hello.serverName, address: address)
        do throws(TLSFailure) {
            let leaf = try services.leaves.leaf(
                names: names, commonName: certificate?.commonName ?? names.first, organization: certificate?.organization)
            return try services.contexts.acceptClient(services.clientFacing, leaf: leaf, alpn: alpnAnswer(hello)?.bytes)
        } catch {
            throw ProxyFailure(.tls, fault: .us, error.reason)
        }
    }
}

extension HelloRecord {
    init(_ hello: ClientHello) {
        self.init()
        sni = hello.serverName
        alpnProtocols = hello.alpnProtocols.map { ByteString($0) }
        cipherSuites = hello.cipherSuites.map(Int.init)
        extensions = hello.extensions.map { Int($0.type) }
        supportedVersions = hello.supportedVersions.map(Int.init)
    }
}
