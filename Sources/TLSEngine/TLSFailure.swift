import COpenSSL

/// Why TLS did not come about, broke, or could not be set up.
public struct TLSFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of failure, for deciding what to do next.
    public enum What: Sendable, Hashable {
        /// No common version, cipher suite or the like; ours or the peer's alert says so.
        case handshake
        /// The peer's certificate was not accepted by us; the text is OpenSSL's verify result.
        case peerUntrusted(String)
        /// The client did not accept the certificate we showed; the text names its alert.
        case clientRejectedCertificate(String)
        /// The peer closed the connection before the handshake ended.
        case closedDuringHandshake
        /// The peer sent bytes that are not valid here.
        case protocolViolation
        /// Our own settings, files or certificates cannot be used.
        case configuration
    }

    public var what: What
    /// The first entry of the OpenSSL error queue; 0 if it was empty.
    public var code: UInt
    /// One line for people.
    public var reason: String

    public init(_ what: What, code: UInt = 0, reason: String) {
        self.what = what
        self.code = code
        self.reason = reason
    }

    public var description: String { reason }
}

extension TLSFailure {
    /// Empties this thread's error queue into a configuration failure; `subject` says what we were about to do.
    static func configuration(_ subject: String) -> TLSFailure {
        let errors = ErrorQueue.drain()
        return TLSFailure(.configuration, code: errors.code, reason: errors.text.map { "\(subject): \($0)" } ?? subject)
    }

    /// Empties this thread's error queue into the failure of a connection.
    ///
    /// `verifyError` is the text of a failed certificate verification on our side, nil if it did not fail.
    static func connection(isServer: Bool, handshaking: Bool, verifyError: String?) -> TLSFailure {
        let errors = ErrorQueue.drain()
        let text = errors.text ?? "unknown TLS error"
        let peer = isServer ? "client" : "server"
        if let verifyError, handshaking, errors.isVerifyFailure {
            return TLSFailure(
                .peerUntrusted(verifyError), code: errors.code, reason: "\(peer) certificate not trusted: \(verifyError)")
        }
        if let alert = errors.alert {
            let name = String(cString: SSL_alert_desc_string_long(alert))
            // RFC 8446 section 6.2: bad_certificate (42) through certificate_unknown (46), and unknown_ca (48).
            if isServer, (42...46).contains(alert) || alert == 48 {
                return TLSFailure(
                    .clientRejectedCertificate(name), code: errors.code,
                    reason: "client does not trust our certificate: it sent the alert \(name)")
            }
            return TLSFailure(.handshake, code: errors.code, reason: "\(peer) sent the alert \(name)")
        }
        let isViolation = !handshaking || errors.isMalformedInput
        return TLSFailure(
            isViolation ? .protocolViolation : .handshake, code: errors.code,
            reason: "\(handshaking ? "handshake with" : "TLS data of") the \(peer) failed: \(text)")
    }

    /// The peer left before the handshake was complete.
    static func closedDuringHandshake(isServer: Bool) -> TLSFailure {
        TLSFailure(
            .closedDuringHandshake, reason: "\(isServer ? "client" : "server") closed the connection during the TLS handshake")
    }
}

/// What this thread's OpenSSL error queue held after a failed call.
///
/// The queue is never emptied by success, so every call that may fail is preceded by ``clear()``.
struct ErrorQueue {
    private(set) var code: UInt = 0
    /// Reason and, where OpenSSL adds any, detail of the first entry.
    private(set) var text: String?

    /// Costs little when it is empty, which it nearly always is: OpenSSL would go through all of its places.
    static func clear() { if ERR_peek_last_error() != 0 { ERR_clear_error() } }

    static func drain() -> ErrorQueue {
        var queue = ErrorQueue()
        var data: UnsafePointer<CChar>?
        var flags: Int32 = 0
        while true {
            let code = ERR_get_error_all(nil, nil, nil, &data, &flags)
            guard code != 0 else { return queue }
            guard queue.code == 0 else { continue }
            queue.code = code
            let reason = ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
            let detail = flags & ERR_TXT_STRING != 0 ? data.map { String(cString: $0) } ?? "" : ""
            queue.text = detail.isEmpty ? reason : "\(reason) (\(detail))"
        }
    }

    private var isSSL: Bool { ERR_GET_LIB(code) == ERR_LIB_SSL }

    var isVerifyFailure: Bool { isSSL && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED }

    /// The number of the alert the peer sent; OpenSSL files received alerts under 1000 plus the number.
    var alert: Int32? {
        let reason = ERR_GET_REASON(code)
        return isSSL && reason >= SSL_AD_REASON_OFFSET ? reason - SSL_AD_REASON_OFFSET : nil
    }

    /// Whether the peer spoke something else than TLS, or garbled it.
    var isMalformedInput: Bool {
        isSSL
            && [
                SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_UNEXPECTED_MESSAGE,
                SSL_R_BAD_RECORD_TYPE, SSL_R_LENGTH_MISMATCH, SSL_R_BAD_LENGTH, SSL_R_PACKET_LENGTH_TOO_LONG,
                SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, SSL_R_RECORD_LENGTH_MISMATCH, SSL_R_EXCESSIVE_MESSAGE_SIZE,
                SSL_R_BAD_EXTENSION, SSL_R_DATA_LENGTH_TOO_LONG, SSL_R_ENCRYPTED_LENGTH_TOO_LONG,
            ].contains(ERR_GET_REASON(code))
    }
}
