import COpenSSL
import Synchronization

/// Makes TLS connections, and keeps what they can share: contexts by their settings, and upstream sessions.
///
/// Shared by all loops.
public final class TLSContexts: Sendable {
    private let clientFacing: Mutex<RecentlyUsed<ClientFacingSettings, TLSContext>>
    private let upstream: Mutex<RecentlyUsed<UpstreamSettings, TLSContext>>
    private let keyLog: KeyLog?
    private let sessionCapacity: Int

    /// `capacity` bounds the contexts of each direction, `sessionCapacity` the servers a context remembers sessions of.
    public init(keyLog: KeyLog? = nil, capacity: Int = 32, sessionCapacity: Int = 1000) {
        clientFacing = Mutex(RecentlyUsed(capacity: capacity))
        upstream = Mutex(RecentlyUsed(capacity: capacity))
        self.keyLog = keyLog
        self.sessionCapacity = sessionCapacity
    }

    /// A connection on which we answer a client's hello with `leaf`.
    ///
    /// `alpn` is chosen if the client offers it, otherwise none is. Any loop may call this; it takes microseconds, for new
    /// settings a third of a millisecond.
    public func acceptClient(
        _ settings: ClientFacingSettings, leaf: Leaf, alpn: [UInt8]?
    ) throws(TLSFailure) -> TLSConnection {
        let context = try context(settings)
        let connection = try TLSConnection(
            context: context.pointer, role: .server, callbacks: .init(alpnAnswer: alpn, keyLog: keyLog))
        try connection.configure { ssl throws(TLSFailure) in try leaf.use(on: ssl) }
        return connection
    }

    /// A connection on which we say hello to a server.
    ///
    /// The certificate must be for `sni`, or for `host` if that is nil or an IP literal. A literal is never sent as a
    /// server name. A session of an earlier connection with the same host, port, name and offers is resumed if there is one.
    /// For settings not yet prepared this blocks for as long as ``prepare(_:)``; with a folder of client certificates it
    /// reads a small file once a name.
    public func connectUpstream(
        _ settings: UpstreamSettings, host: String, port: Int, sni: String?, alpnOffers: [[UInt8]]
    ) throws(TLSFailure) -> TLSConnection {
        let context = try context(settings)
        let key = SessionStore.Key(host: host, port: port, serverName: sni, alpn: alpnOffers)
        let connection = try TLSConnection(
            context: context.pointer, role: .client, callbacks: .init(keyLog: keyLog, sessions: (context.sessions, key)))
        try connection.configure { ssl throws(TLSFailure) in
            let name = HostName.normalized(sni ?? host)
            if let sni, HostName.addressBytes(name) == nil {
                guard HostName.isPlausible(name), shim_SSL_set_tlsext_host_name(ssl, name) == 1 else {
                    throw .configuration("cannot ask for the server name '\(sni)'")
                }
            }
            if settings.verify { try Self.expect(name, on: ssl) }
            try Self.offer(alpnOffers, on: ssl)
            if let leaf = try context.clientCertificates?.certificate(for: name) { try leaf.use(on: ssl) }
            context.sessions.offer(for: key, on: ssl)
        }
        return connection
    }

    /// Makes the context for these settings if there is none yet; call it on a thread that may block.
    ///
    /// Reads the trusted authorities, 40 ms for the system's, and the client certificate's file.
    public func prepare(_ settings: UpstreamSettings) throws(TLSFailure) { _ = try context(settings) }

    /// Two loops may make the same context at once; the second then replaces the first, which dies with its connections.
    private func context(_ settings: UpstreamSettings) throws(TLSFailure) -> TLSContext {
        if let known = upstream.withLock({ $0[settings] }) { return known }
        let made = try TLSContext(settings, sessionCapacity: sessionCapacity)
        if keyLog != nil { made.watchKeys() }
        upstream.withLock { $0[settings] = made }
        return made
    }

    private func context(_ settings: ClientFacingSettings) throws(TLSFailure) -> TLSContext {
        if let known = clientFacing.withLock({ $0[settings] }) { return known }
        let made = try TLSContext(settings)
        if keyLog != nil { made.watchKeys() }
        clientFacing.withLock { $0[settings] = made }
        return made
    }

    /// Sets the name the peer's certificate must be for; its common name does not count.
    private static func expect(_ name: String, on ssl: OpaquePointer) throws(TLSFailure) {
        let isSet: Bool
        if let address = HostName.addressBytes(name) {
            isSet = X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), address, address.count) == 1
        } else {
            SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
            // An empty name would switch the check off.
            isSet = HostName.isPlausible(name) && SSL_set1_host(ssl, name) == 1
        }
        guard isSet else { throw .configuration("cannot verify certificates for the name '\(name)'") }
    }

    private static func offer(_ protocols: [[UInt8]], on ssl: OpaquePointer) throws(TLSFailure) {
        guard !protocols.isEmpty else { return }
        var list: [UInt8] = []
        for name in protocols {
            guard (1...255).contains(name.count) else {
                throw TLSFailure(.configuration, reason: "an ALPN name of \(name.count) bytes cannot be offered")
            }
            list.append(UInt8(name.count))
            list.append(contentsOf: name)
        }
        // Unlike its neighbours, this one answers 0 on success.
        guard SSL_set_alpn_protos(ssl, list, UInt32(list.count)) == 0 else {
            throw .configuration("cannot offer ALPN protocols")
        }
    }
}
