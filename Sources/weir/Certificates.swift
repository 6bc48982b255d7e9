import Glibc
import ProxyKernel
import Schema
import TLSEngine

/// The authority, the certificates it signs, and the TLS settings of both sides, as the options say.
struct Certificates {
    let contexts: TLSContexts
    let leaves: LeafCache
    let clientFacing: ClientFacingSettings
    let upstream: UpstreamSettings

    /// Reads the system's authorities, so it takes some 40 ms.
    init(_ settings: Settings) throws(TLSFailure) {
        let table = ProxyOptions.table
        let directory = HomePath.expanded(settings[table.confdir])
        let authority = try CertificateAuthority.load(directory: directory)
        leaves = try LeafCache(authority: authority, custom: settings[table.certs], passphrase: settings[table.certPassphrase])
        let keyLog = getenv("SSLKEYLOGFILE").map { String(cString: $0) }
        contexts = TLSContexts(keyLog: keyLog == nil || keyLog == "" ? nil : try KeyLog(path: keyLog ?? ""))
        clientFacing = ClientFacingSettings(
            minVersion: Self.version(settings[table.versionClientMin]),
            maxVersion: Self.version(settings[table.versionClientMax]),
            ciphers: settings[table.ciphersClient], curve: settings[table.curveClient],
            requestClientCertificate: settings[table.requestClientCert])
        upstream = UpstreamSettings(
            verify: !settings[table.sslInsecure], trustedCAFile: settings[table.trustedCA],
            trustedCADirectory: settings[table.trustedConfdir], clientCertificates: settings[table.clientCerts],
            minVersion: Self.version(settings[table.versionServerMin]),
            maxVersion: Self.version(settings[table.versionServerMax]),
            ciphers: settings[table.ciphersServer], curve: settings[table.curveServer])
        try contexts.prepare(upstream)
    }

    /// The option's choices are the type's own names.
    private static func version(_ name: String) -> TLSVersion { TLSVersion(rawValue: name) ?? .unbounded }
}
