import COpenSSL
import Glibc

/// The certificate authority that signs what we show to clients, and its files.
///
/// A new one has a P-256 key: it is made in a millisecond instead of 200, signs a leaf in a third of the time of RSA 2048, and
/// costs no client, since the leaves have P-256 keys in any case. An authority made by mitmproxy, or any PEM file of a key,
/// its certificate and a chain, serves as well.
public final class CertificateAuthority: Sendable {
    public let certificate: Certificate
    let key: PrivateKey
    /// What stands beside the certificate in its file: the authorities above it.
    public let chain: [Certificate]

    /// The file that it was read from; nil if it was made just now.
    private let path: String?

    init(_ leaf: Leaf, named path: String, isFile: Bool = true) throws(TLSFailure) {
        guard leaf.certificate.isAuthority else {
            throw TLSFailure(.configuration, reason: "the certificate in \(path) is not a certificate authority")
        }
        certificate = leaf.certificate
        key = leaf.key
        chain = leaf.chain
        self.path = isFile ? path : nil
    }

    /// Files with the key that the group or others may read.
    public var sharedFiles: [String] {
        guard let path, let mode = FileContents.mode(of: path), mode & 0o077 != 0 else { return [] }
        return [path]
    }

    /// Makes an authority that exists in memory only.
    public static func make(name: String) throws(TLSFailure) -> CertificateAuthority {
        let key = try PrivateKey.makeP256()
        let draft = CertificateDraft(
            commonName: name, organization: name, validDays: 3650,
            extensions: [
                (NID_basic_constraints, "critical,CA:TRUE"), (NID_ext_key_usage, "serverAuth"),
                (NID_key_usage, "critical,keyCertSign,cRLSign"), (NID_subject_key_identifier, "hash"),
            ])
        let certificate = try draft.signed(subjectKey: key, issuerKey: key)
        return try CertificateAuthority(Leaf(certificate: certificate, key: key, chain: []), named: "memory", isFile: false)
    }

    /// Loads the authority of a folder, or makes it there.
    ///
    /// Reads `<basename>-ca.pem`, or `mitmproxy-ca.pem` if there is none, or makes the former. Beside `<basename>-ca.pem`
    /// stand, and are made again if they are missing or show another certificate: `<basename>-ca-cert.pem` and `.cer` (the
    /// certificate in PEM), `<basename>-ca.p12` (with the key, without a password) and `<basename>-ca-cert.p12`. Files with
    /// the key have mode 0600, the folder has 0700 if it is made here. Several processes may start at once. Blocks on the disk.
    public static func load(directory: String, basename: String = "weir") throws(TLSFailure) -> CertificateAuthority {
        let path = "\(directory)/\(basename)-ca.pem"
        let foreign = "\(directory)/mitmproxy-ca.pem"
        if !FileContents.exists(path), FileContents.exists(foreign) {
            return try CertificateAuthority(Leaf.load(path: foreign), named: foreign)
        }
        try FileContents.makeDirectory(directory)
        return try FileContents.locking(directory) { () throws(TLSFailure) in
            if FileContents.exists(path) {
                let authority = try CertificateAuthority(Leaf.load(path: path), named: path)
                // The folder may be read-only; the copies are for people, the authority works without them.
                try? authority.writeCopies("\(directory)/\(basename)-ca", name: basename)
                return authority
            }
            let authority = try make(name: basename)
            let contents = try authority.key.pem() + authority.certificate.pem
            try FileContents.replace(path, with: Array(contents.utf8), mode: 0o600)
            try authority.writeCopies("\(directory)/\(basename)-ca", name: basename)
            return authority
        }
    }

    /// Loads the authority of a file that the service manager keeps: with key and certificate, as mitmproxy's. Its certificate is put into the
    /// folder for clients, if that can be written; the key is not.
    public static func load(credential path: String, directory: String, basename: String = "weir") throws(TLSFailure)
        -> CertificateAuthority
    {
        let authority = try CertificateAuthority(Leaf.load(path: path), named: path)
        try? FileContents.makeDirectory(directory)
        try? FileContents.locking(directory) { () throws(TLSFailure) in
            try authority.writeCopies("\(directory)/\(basename)-ca", name: basename, withKey: false)
        }
        return authority
    }

    /// Writes the files made from the authority unless they are there and show its certificate.
    private func writeCopies(_ prefix: String, name: String, withKey: Bool = true) throws(TLSFailure) {
        let pem = Array(certificate.pem.utf8)
        let isStale = (try? FileContents.read("\(prefix)-cert.pem")) != pem
        let copies: [(suffix: String, mode: mode_t, contents: () throws(TLSFailure) -> [UInt8])] = [
            ("-cert.cer", 0o644, { pem }),
            (".p12", 0o600, { () throws(TLSFailure) in try self.pkcs12(name: name, withKey: true) }),
            ("-cert.p12", 0o644, { () throws(TLSFailure) in try self.pkcs12(name: name, withKey: false) }),
            // The one that is compared comes last, so that an interrupted start is made good by the next.
            ("-cert.pem", 0o644, { pem }),
        ]
        for copy in copies where (withKey || copy.mode == 0o644) && (isStale || !FileContents.exists(prefix + copy.suffix)) {
            try FileContents.replace(prefix + copy.suffix, with: copy.contents(), mode: copy.mode)
        }
    }

    /// The certificate, and the key if asked for, as PKCS#12 without a password.
    public func pkcs12(name: String, withKey: Bool) throws(TLSFailure) -> [UInt8] {
        ErrorQueue.clear()
        // -1 leaves key and certificate unencrypted: with no password encryption is for show, and old readers choke on it.
        let bundle = PKCS12_create(nil, name, withKey ? key.pointer : nil, certificate.pointer, nil, -1, -1, 0, 0, 0)
        guard let bundle else { throw .configuration("cannot make a PKCS#12 file") }
        defer { PKCS12_free(bundle) }
        guard let bytes = MemoryBIO.collect({ i2d_PKCS12_bio($0, bundle) == 1 }) else {
            throw .configuration("cannot write a PKCS#12 file")
        }
        return bytes
    }

    /// What clients need after a leaf to reach a root they trust.
    var issuerChain: [Certificate] { certificate.isSelfIssued && chain.isEmpty ? [] : [certificate] + chain }
}
