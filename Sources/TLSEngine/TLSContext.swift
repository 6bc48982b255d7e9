import COpenSSL

/// An `SSL_CTX` for one kind of connection. Not changed after it was made, hence shared by all loops.
final class TLSContext: @unchecked Sendable {
    let pointer: OpaquePointer
    /// Sessions of upstream connections; they fit only the context they were made under.
    let sessions: SessionStore
    /// What to show to servers that ask; nil if nothing was set.
    let clientCertificates: ClientCertificates?

    private init(
        method: OpaquePointer?, sessionCapacity: Int, clientCertificates: ClientCertificates?
    ) throws(TLSFailure) {
        ErrorQueue.clear()
        guard let pointer = SSL_CTX_new(method) else { throw .configuration("cannot set up TLS") }
        self.pointer = pointer
        sessions = SessionStore(capacity: sessionCapacity)
        self.clientCertificates = clientCertificates
    }

    deinit { SSL_CTX_free(pointer) }

    /// For connections from clients: tickets, no stored sessions, certificate and ALPN decided per connection.
    convenience init(_ settings: ClientFacingSettings) throws(TLSFailure) {
        try self.init(method: TLS_server_method(), sessionCapacity: 1, clientCertificates: nil)
        try apply(settings.minVersion, settings.maxVersion, ciphers: settings.ciphers, curve: settings.curve)
        SSL_CTX_set_options(pointer, shim_SSL_OP_NO_RENEGOTIATION | shim_SSL_OP_IGNORE_UNEXPECTED_EOF)
        _ = shim_SSL_CTX_set_session_cache_mode(pointer, Int(SSL_SESS_CACHE_OFF))
        let identity = Array("weir".utf8)
        // Making one takes as long as two requests. A client that comes back with it gets the next.
        SSL_CTX_set_num_tickets(pointer, 1)
        SSL_CTX_set_session_id_context(pointer, identity, UInt32(identity.count))
        // A client's own certificate is for the addons to judge.
        if settings.requestClientCertificate { SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER) { _, _ in 1 } }
        SSL_CTX_set_alpn_select_cb(
            pointer,
            { ssl, answer, answerCount, offers, offersCount, _ in
                guard let wanted = TLSConnection.of(ssl)?.callbacks.alpnAnswer, let offers else { return SSL_TLSEXT_ERR_NOACK }
                var next = 0
                while next < offersCount {
                    let count = Int(offers[next])
                    let offer = UnsafeBufferPointer(start: offers + next + 1, count: count)
                    if offer.elementsEqual(wanted) {
                        answer?.pointee = offer.baseAddress
                        answerCount?.pointee = UInt8(count)
                        return SSL_TLSEXT_ERR_OK
                    }
                    next += 1 + count
                }
                return SSL_TLSEXT_ERR_NOACK
            }, nil)
    }

    /// For connections to servers. Loading the system's authorities takes about 40 ms.
    convenience init(_ settings: UpstreamSettings, sessionCapacity: Int) throws(TLSFailure) {
        let certificates = try settings.clientCertificates.map { path throws(TLSFailure) in try ClientCertificates(path: path) }
        try self.init(method: TLS_client_method(), sessionCapacity: sessionCapacity, clientCertificates: certificates)
        try apply(settings.minVersion, settings.maxVersion, ciphers: settings.ciphers, curve: settings.curve)
        SSL_CTX_set_options(pointer, shim_SSL_OP_IGNORE_UNEXPECTED_EOF)
        if settings.verify {
            SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
            try trust(settings)
        } else {
            SSL_CTX_set_verify(pointer, SSL_VERIFY_NONE, nil)
            SSL_CTX_set_options(
                pointer, shim_SSL_OP_LEGACY_SERVER_CONNECT | shim_SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION)
        }
        _ = shim_SSL_CTX_set_session_cache_mode(pointer, Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL))
        SSL_CTX_sess_set_new_cb(pointer) { ssl, session in
            guard let session, let (store, key) = TLSConnection.of(ssl)?.callbacks.sessions else { return 0 }
            store.keep(session, for: key)
            return 1
        }
    }

    /// Sends secrets to the key log of each connection. Only while the context is being made; without it OpenSSL does not
    /// even format them.
    func watchKeys() {
        SSL_CTX_set_keylog_callback(pointer) { ssl, line in
            guard let line else { return }
            TLSConnection.of(ssl)?.callbacks.keyLog?.append(line)
        }
    }

    private func apply(
        _ min: TLSVersion, _ max: TLSVersion, ciphers: String?, curve: String?
    ) throws(TLSFailure) {
        guard max == .unbounded || min.number <= max.number else {
            throw TLSFailure(
                .configuration, reason: "the lowest TLS version \(min.rawValue) is above the highest \(max.rawValue)")
        }
        guard shim_SSL_CTX_set_min_proto_version(pointer, min.number) == 1,
            shim_SSL_CTX_set_max_proto_version(pointer, max.number) == 1
        else { throw .configuration("cannot use TLS versions \(min.rawValue) to \(max.rawValue)") }
        // At the default level OpenSSL 3 speaks nothing older than TLS 1.2, whatever the bounds say.
        if min.number < TLS1_2_VERSION { SSL_CTX_set_security_level(pointer, 0) }
        if let ciphers, SSL_CTX_set_cipher_list(pointer, ciphers) != 1 {
            throw .configuration("cannot use the cipher list '\(ciphers)'")
        }
        if let curve, shim_SSL_CTX_set1_groups_list(pointer, curve) != 1 {
            throw .configuration("cannot use the curve '\(curve)'")
        }
    }

    private func trust(_ settings: UpstreamSettings) throws(TLSFailure) {
        if let file = settings.trustedCAFile, SSL_CTX_load_verify_file(pointer, file) != 1 {
            throw .configuration("cannot load trusted certificates from \(file)")
        }
        if let folder = settings.trustedCADirectory, SSL_CTX_load_verify_dir(pointer, folder) != 1 {
            throw .configuration("cannot use the folder of trusted certificates \(folder)")
        }
        guard settings.trustedCAFile == nil, settings.trustedCADirectory == nil else { return }
        guard SSL_CTX_set_default_verify_paths(pointer) == 1 else {
            throw .configuration("cannot load the system's trusted certificates")
        }
    }
}
