import Glibc
import Logging
import ProxyKernel
import Schema
import TLSEngine

/// The authority, the certificates it signs, and the TLS settings of both sides, as the options say.
struct Certificates {
    let contexts: TLSContexts
    let leaves: LeafCache
    let clientFacing: ClientFacingSettings
    let upstream: UpstreamSettings

    /// Reads the system's authorities, so it takes some 40 ms. `credential` is the path of the authority's file, if the service manager
    /// has one for us; else it is in `confdir`.
    init(_ settings: Settings, credential: String?, _ logger: Logger) throws(TLSFailure) {
        let table = ProxyOptions.table
        let directory = HomePath.expanded(settings[table.confdir])
        let authority =
            if let credential {
                try CertificateAuthority.load(credential: credential, directory: directory)
            } else {
                try CertificateAuthority.load(directory: directory)
            }
        for path in authority.sharedFiles {
            logger.warning("\(path) holds the authority's key and others may read it: chmod 600")
        }
        let passphrase = try settings[table.certPassphrase].map { (text) throws(TLSFailure) in try Self.secret(text) }
        leaves = try LeafCache(authority: authority, custom: settings[table.certs], passphrase: passphrase)
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

    /// What stands in the first line of a file that is named by `@PATH`, or the text itself.
    private static func secret(_ text: String) throws(TLSFailure) -> String {
        guard text.hasPrefix("@") else { return text }
        let contents = try FileContents.read(HomePath.expanded(String(text.dropFirst())))
        return String(decoding: contents.prefix { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self)
    }

    /// The option's choices are the type's own names.
    private static func version(_ name: String) -> TLSVersion { TLSVersion(rawValue: name) ?? .unbounded }
}
