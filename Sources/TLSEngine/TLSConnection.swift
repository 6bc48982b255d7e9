import COpenSSL
import NIOCore

/// One TLS connection: ciphertext in and out, plaintext out and in, no channel.
///
/// Made by ``TLSContexts``. Confined to one event loop. States: handshaking, established, failed. A failed connection may
/// still hold an alert for the peer in ``takeCiphertext()``.
public final class TLSConnection {
    public enum Role: Sendable, Hashable {
        case client
        case server
    }

    public enum Handshake: Sendable, Hashable {
        case incomplete
        case complete
        case failed(TLSFailure)
    }

    /// How an attempt to read plaintext ended.
    public enum Read: Sendable, Hashable {
        /// This many bytes were appended.
        case bytes(Int)
        case needMore
        /// The peer sent close_notify; nothing follows.
        case closed
        case failed(TLSFailure)

        var isBytes: Bool { if case .bytes = self { true } else { false } }
    }

    public enum Write: Sendable, Hashable {
        case done
        /// The peer renegotiates: write the same bytes again after the next read.
        case blocked
        case failed(TLSFailure)
    }

    /// Ours; the client's connection has the role `.server`.
    public let role: Role
    /// What OpenSSL calls back for; see ``TLSConnection/of(_:)``.
    let callbacks: Callbacks
    private let ssl: OpaquePointer
    private let bio = BufferBIO()
    private var hasFailed = false
    /// The peer's close_notify was read.
    public private(set) var sawCloseNotify = false

    /// What the callbacks of a context look up in the connection they are called for.
    struct Callbacks {
        /// What to answer in ALPN if the client offers it.
        var alpnAnswer: [UInt8]?
        var keyLog: KeyLog?
        /// Where new sessions go, and the key for them.
        var sessions: (store: SessionStore, key: SessionStore.Key)?
    }

    init(context: OpaquePointer, role: Role, callbacks: Callbacks) throws(TLSFailure) {
        self.role = role
        self.callbacks = callbacks
        ErrorQueue.clear()
        guard let ssl = SSL_new(context) else { throw .configuration("cannot make a TLS connection") }
        self.ssl = ssl
        guard let bio = bio.makeBIO(),
            SSL_set_ex_data(ssl, Self.index, Unmanaged.passUnretained(self).toOpaque()) == 1
        else { throw .configuration("cannot make a TLS connection") }
        SSL_set_bio(ssl, bio, bio)
        _ = shim_SSL_set_mode(ssl, shim_SSL_MODE)
        // Else each record is asked for in two parts.
        SSL_set_read_ahead(ssl, 1)
        if role == .server { SSL_set_accept_state(ssl) } else { SSL_set_connect_state(ssl) }
    }

    deinit {
        // Without both marks SSL_free takes an abrupt end for an attack and makes the session unusable for resumption.
        if !hasFailed { SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN) }
        SSL_free(ssl)
    }

    /// For settings that are made once, before the handshake.
    func configure(_ body: (OpaquePointer) throws(TLSFailure) -> Void) throws(TLSFailure) {
        ErrorQueue.clear()
        try body(ssl)
    }

    /// Hands over bytes from the peer; the next call of another method acts on them.
    public func receive(_ ciphertext: ByteBuffer) { bio.append(ciphertext) }

    /// Ciphertext that was received and not yet looked at, in bytes.
    var receivedCount: Int { bio.inboundCount }

    /// What is to be sent to the peer now; nil if nothing.
    public func takeCiphertext() -> ByteBuffer? { bio.takeOutbound() }

    /// Goes as far as the received bytes allow.
    public func handshake() -> Handshake {
        ErrorQueue.clear()
        let result = SSL_do_handshake(ssl)
        if result == 1 { return .complete }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .incomplete
        case SSL_ERROR_ZERO_RETURN:
            hasFailed = true
            return .failed(.closedDuringHandshake(isServer: role == .server))
        default: return .failed(failure(handshaking: true))
        }
    }

    /// Appends the plaintext of at most one record.
    public func read(into plaintext: inout ByteBuffer) -> Read {
        guard bio.inboundCount > 0 || SSL_has_pending(ssl) == 1 else { return runOut() }
        ErrorQueue.clear()
        // Plaintext is shorter than its ciphertext, except for the end of a record whose beginning OpenSSL already holds.
        let room = max(256, min(16_384, max(bio.inboundCount, Int(SSL_pending(ssl)))))
        var result: Int32 = 0
        plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
            result = SSL_read(ssl, target.baseAddress, Int32(clamping: target.count))
            return max(0, Int(result))
        }
        if result > 0 { return .bytes(Int(result)) }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return runOut()
        case SSL_ERROR_ZERO_RETURN:
            sawCloseNotify = true
            return .closed
        default: return .failed(failure(handshaking: false))
        }
    }

    /// There is nothing to read. A client that was sent tickets has a buffer for writing since, which no write may ever release.
    private func runOut() -> Read {
        if role == .client { SSL_free_buffers(ssl) }
        return .needMore
    }

    /// Encrypts all of it.
    public func write(_ plaintext: ByteBuffer) -> Write {
        guard plaintext.readableBytes > 0 else { return .done }
        // A record holds 16 KiB and grows by at most 5 bytes header, 256 padding and 64 tag and nonce; 22 in TLS 1.3.
        bio.reserveOutbound(plaintext.readableBytes + 64 * (plaintext.readableBytes / 16_384 + 1))
        ErrorQueue.clear()
        var written = 0
        let result = plaintext.withUnsafeReadableBytes { SSL_write_ex(ssl, $0.baseAddress, $0.count, &written) }
        if result > 0 { return .done }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .blocked
        default: return .failed(failure(handshaking: false))
        }
    }

    /// Writes our close_notify; nothing can be written after it. Does nothing the second time or after a failure.
    public func shutdown() {
        guard !hasFailed, SSL_is_init_finished(ssl) == 1, SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN == 0 else { return }
        ErrorQueue.clear()
        SSL_shutdown(ssl)
    }

    private func failure(handshaking: Bool) -> TLSFailure {
        hasFailed = true
        let verdict = SSL_get_verify_result(ssl)
        let verifyError = verdict == X509_V_OK ? nil : String(cString: X509_verify_cert_error_string(verdict))
        return .connection(isServer: role == .server, handshaking: handshaking, verifyError: verifyError)
    }
}

/// What was negotiated; meaningful once the handshake is complete.
extension TLSConnection {
    /// "TLSv1.3" and the like.
    public var version: String { String(cString: SSL_get_version(ssl)) }

    /// OpenSSL's name, "TLS_AES_128_GCM_SHA256" or "ECDHE-ECDSA-AES128-GCM-SHA256".
    public var cipher: String { String(cString: SSL_CIPHER_get_name(SSL_get_current_cipher(ssl))) }

    /// The protocol both agreed on; nil if none.
    public var negotiatedALPN: [UInt8]? {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &count)
        return name.map { Array(UnsafeBufferPointer(start: $0, count: Int(count))) }
    }

    /// The name asked for by the client, whichever side we are.
    public var serverName: String? { SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) } }

    /// Whether an earlier session was resumed.
    public var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    /// As sent by the peer, its own certificate first; empty if it showed none.
    public var peerCertificates: [Certificate] {
        guard let leaf = SSL_get0_peer_certificate(ssl) else { return [] }
        var chain = [Certificate(sharing: leaf)]
        // On the client's side OpenSSL's chain begins with the peer's own certificate, on the server's side it does not.
        guard let stack = SSL_get_peer_cert_chain(ssl) else { return chain }
        for index in 0..<shim_sk_X509_num(stack) where role == .server || index > 0 {
            if let pointer = shim_sk_X509_value(stack, index) { chain.append(Certificate(sharing: pointer)) }
        }
        return chain
    }
}

extension TLSConnection {
    /// Where every SSL object keeps its owner.
    private static let index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, nil, nil, nil, nil)

    /// The owner of the object a callback was given.
    static func of(_ ssl: OpaquePointer?) -> TLSConnection? {
        SSL_get_ex_data(ssl, index).map { Unmanaged<TLSConnection>.fromOpaque($0).takeUnretainedValue() }
    }
}
