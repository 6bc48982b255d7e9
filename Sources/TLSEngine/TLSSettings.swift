import COpenSSL

/// A protocol version, or none, as the options spell it.
public enum TLSVersion: String, Sendable, Hashable, CaseIterable {
    /// Whatever OpenSSL supports.
    case unbounded = "UNBOUNDED"
    case ssl3 = "SSL3"
    case tls1 = "TLS1"
    case tls11 = "TLS1_1"
    case tls12 = "TLS1_2"
    case tls13 = "TLS1_3"

    /// OpenSSL's number; 0 is no bound.
    var number: Int32 {
        switch self {
        case .unbounded: 0
        case .ssl3: SSL3_VERSION
        case .tls1: TLS1_VERSION
        case .tls11: TLS1_1_VERSION
        case .tls12: TLS1_2_VERSION
        case .tls13: TLS1_3_VERSION
        }
    }
}

/// How we speak TLS to clients.
public struct ClientFacingSettings: Sendable, Hashable {
    public var minVersion: TLSVersion
    public var maxVersion: TLSVersion
    /// OpenSSL's cipher list for TLS 1.2 and older; nil is OpenSSL's default.
    public var ciphers: String?
    /// OpenSSL's list of groups, "P-256:X25519"; nil is OpenSSL's default.
    public var curve: String?
    /// Asks for a certificate and takes any, or none.
    public var requestClientCertificate: Bool

    public init(
        minVersion: TLSVersion = .tls12, maxVersion: TLSVersion = .unbounded, ciphers: String? = nil, curve: String? = nil,
        requestClientCertificate: Bool = false
    ) {
        self.minVersion = minVersion
        self.maxVersion = maxVersion
        self.ciphers = ciphers
        self.curve = curve
        self.requestClientCertificate = requestClientCertificate
    }
}

/// How we speak TLS to servers.
public struct UpstreamSettings: Sendable, Hashable {
    /// False accepts any certificate, and servers that only know unsafe renegotiation.
    public var verify: Bool
    /// PEM file of trusted authorities; the system's are used if this and the folder are nil.
    public var trustedCAFile: String?
    /// Folder of trusted authorities as `openssl rehash` makes it.
    public var trustedCADirectory: String?
    /// PEM file of key, certificate and chain, or a folder of such files named `<server name>.pem`.
    public var clientCertificates: String?
    public var minVersion: TLSVersion
    public var maxVersion: TLSVersion
    /// OpenSSL's cipher list for TLS 1.2 and older; nil is OpenSSL's default.
    public var ciphers: String?
    /// OpenSSL's list of groups, "P-256:X25519"; nil is OpenSSL's default.
    public var curve: String?

    public init(
        verify: Bool = true, trustedCAFile: String? = nil, trustedCADirectory: String? = nil,
        clientCertificates: String? = nil, minVersion: TLSVersion = .tls12, maxVersion: TLSVersion = .unbounded,
        ciphers: String? = nil, curve: String? = nil
    ) {
        self.verify = verify
        self.trustedCAFile = trustedCAFile
        self.trustedCADirectory = trustedCADirectory
        self.clientCertificates = clientCertificates
        self.minVersion = minVersion
        self.maxVersion = maxVersion
        self.ciphers = ciphers
        self.curve = curve
    }
}
