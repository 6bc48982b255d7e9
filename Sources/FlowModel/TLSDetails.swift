import Schema

/// What a connection's record says of TLS; its rows stand among those of the connection.
public struct TLSDetails: Sendable, Equatable {
    /// TLS is wanted on this connection, whether or not the handshake is done.
    public var isUsed = false
    /// PEM, leaf first.
    public var certificateList: [ByteString] = []
    /// What was negotiated; empty if TLS is up and nothing was.
    public var alpn: ByteString?
    public var alpnOffers: [ByteString] = []
    public var cipher: String?
    public var cipherList: [String] = []
    public var version: String?
    public var sni: String?
    public var timestampSetup: Double?

    public init() {}

    /// The versions by OpenSSL's names, and QUIC's by mitmproxy's.
    private static let versions: [String?] = [
        "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", "DTLSv0.9", "DTLSv1", "DTLSv1.2", "QUICv1",
    ]

    public static func rows<Root: TLSEndpoint>() -> [Field<Root>] {
        [
            Field("tls", \.tls.isUsed, .readOnly, "Whether TLS is used, or to be used."),
            Field("certificate_list", \.tls.certificateList, .readOnly, "The peer's certificates as PEM, leaf first."),
            Field("alpn", \.tls.alpn, .readOnly, "The negotiated protocol; empty if none was, null before."),
            Field("alpn_offers", \.tls.alpnOffers, .writable, "The protocols offered by the connecting side."),
            Field("cipher", \.tls.cipher, .readOnly, "The negotiated cipher suite, by OpenSSL's name."),
            Field("cipher_list", \.tls.cipherList, .readOnly, "The cipher suites that were asked for, if not the default."),
            Field("tls_version", \.tls.version, .readOnly, words: [nil] + versions, "`TLSv1.2` or `TLSv1.3`, say."),
            Field("sni", \.tls.sni, .writable, "The server name that the connecting side asks for."),
        ]
    }
}

/// A record that has the rows of `TLSDetails` among its own.
public protocol TLSEndpoint: Record {
    var tls: TLSDetails { get set }
}
