/// What a handshake settled, as a value that may leave the connection's loop.
public struct Negotiated: Sendable, Hashable {
    /// "TLSv1.3" and the like.
    public var version: String
    /// OpenSSL's name of the cipher suite.
    public var cipher: String
    /// The application protocol; nil if none was agreed on.
    public var alpn: [UInt8]?
    /// The name the client asked for.
    public var serverName: String?
    /// Whether an earlier session was resumed.
    public var isResumed: Bool
    /// As sent by the peer, its own certificate first.
    public var peerCertificates: [Certificate]
}

extension TLSConnection {
    /// Everything at once, for a delegate that is an actor and cannot take the connection itself in.
    public var negotiated: Negotiated {
        Negotiated(
            version: version, cipher: cipher, alpn: negotiatedALPN, serverName: serverName, isResumed: isResumed,
            peerCertificates: peerCertificates)
    }
}
