import COpenSSL

/// A protocol version, or none, as the options spell it.
package enum TLSVersion: String, Sendable, Hashable, CaseIterable {
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
package struct ClientFacingSettings: Sendable, Hashable {
    package var minVersion: TLSVersion
    package var maxVersion: TLSVersion
    /// OpenSSL's cipher list for TLS 1.2 and older; nil is OpenSSL's default.
    package var ciphers: String?
    /// OpenSSL's list of groups, "P-256:X25519"; nil is OpenSSL's default.
    package var curve: String?
    /// Asks for a certificate and takes any, or none.
    package var requestClientCertificate: Bool

    package init(
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
package struct UpstreamSettings: Sendable, Hashable {
    /// False accepts any certificate, and servers that only know unsafe renegotiation.
    package var verify: Bool
    /// PEM file of trusted authorities; the system's are used if this and the folder are nil.
    package var trustedCAFile: String?
    /// Folder of trusted authorities as `openssl rehash` makes it.
    package var trustedCADirectory: String?
    /// PEM file of key, certificate and chain, or a folder of such files named `<server name>.pem`.
    package var clientCertificates: String?
    package var minVersion: TLSVersion
    package var maxVersion: TLSVersion
    /// OpenSSL's cipher list for TLS 1.2 and older; nil is OpenSSL's default.
    package var ciphers: String?
    /// OpenSSL's list of groups, "P-256:X25519"; nil is OpenSSL's default.
    package var curve: String?

    package init(
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
