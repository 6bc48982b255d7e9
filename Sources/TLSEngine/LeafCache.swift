import COpenSSL
import Glibc
import Synchronization

/// Certificates to show to clients: minted for a set of names and kept, or the operator's own.
///
/// Shared by all loops; the lock is held for a look-up, never while signing. All minted leaves have one P-256 key.
public final class LeafCache: Sendable {
    private struct Key: Hashable {
        var names: [String]
        var commonName: String?
        var organization: String?
    }

    private struct Entry {
        var leaf: Leaf
        /// Seconds since 1970.
        var mintedAgain: Int
    }

    /// Expiry 199 days after the start of validity: Apple and Chromium refuse leaves of 200 days and more.
    private static let validDays: Int32 = 197
    private static let capacity = 1000

    public let authority: CertificateAuthority
    private let key: PrivateKey
    private let custom: [String: Leaf]
    private let entries = Mutex(RecentlyUsed<Key, Entry>(capacity: capacity))

    /// `custom` are the operator's certificates, each `[domain=]path` of a PEM file with key, certificate and chain; the
    /// domain may be `*.example.com`, and is `*` if left out. Reads these files.
    public init(
        authority: CertificateAuthority, custom: [String] = [], passphrase: String? = nil
    ) throws(TLSFailure) {
        self.authority = authority
        key = try PrivateKey.makeP256()
        var loaded: [String: Leaf] = [:]
        for item in custom {
            let parts = item.split(separator: "=", maxSplits: 1)
            guard let path = parts.last, !path.isEmpty else {
                throw TLSFailure(.configuration, reason: "certificate '\(item)' is not of the form [domain=]path")
            }
            let domain = parts.count == 2 ? parts[0].lowercased() : "*"
            loaded[domain] = try Leaf.load(path: String(path), passphrase: passphrase)
        }
        self.custom = loaded
    }

    /// The certificate for these names: the operator's if one fits, else one signed by the authority.
    ///
    /// Names are host names, already in ASCII form, or IP literals. The subject's common name and organization are left out
    /// if they are longer than X.509 allows. Signing takes less than a millisecond with an EC authority.
    public func leaf(names: [String], commonName: String?, organization: String?) throws(TLSFailure) -> Leaf {
        if let leaf = customLeaf(for: (commonName.map { [$0] } ?? []) + names) { return leaf }
        let key = Key(
            names: names, commonName: commonName.flatMap { (1..<64).contains($0.utf8.count) ? $0 : nil },
            organization: organization.flatMap { (1...64).contains($0.unicodeScalars.count) ? $0 : nil })
        let now = time(nil)
        if let entry = entries.withLock({ $0[key] }), entry.mintedAgain > now { return entry.leaf }
        let leaf = try mint(key)
        // A month early, so that connections of a long-running proxy never meet an expired leaf.
        let mintedAgain = now + (Int(Self.validDays) - 30) * 86_400
        entries.withLock { $0[key] = Entry(leaf: leaf, mintedAgain: mintedAgain) }
        return leaf
    }

    private func mint(_ subject: Key) throws(TLSFailure) -> Leaf {
        var extensions: [(nid: Int32, value: String)] = [
            (NID_ext_key_usage, "serverAuth"), (NID_subject_key_identifier, "hash"),
        ]
        if authority.certificate.hasSubjectKeyID { extensions.append((NID_authority_key_identifier, "keyid:always")) }
        let draft = CertificateDraft(
            commonName: subject.commonName, organization: subject.organization, validDays: Self.validDays,
            extensions: extensions, alternativeNames: subject.names)
        let certificate = try draft.signed(subjectKey: key, issuer: authority.certificate, issuerKey: authority.key)
        return try Leaf(certificate: certificate, key: key, chain: authority.issuerChain)
    }

    /// The most specific fit: each name as it is, then with ever more labels replaced by `*`, then `*` alone.
    private func customLeaf(for names: [String]) -> Leaf? {
        guard !custom.isEmpty else { return nil }
        for name in names {
            var rest = Substring(name.lowercased())
            if let leaf = custom[String(rest)] { return leaf }
            while let dot = rest.firstIndex(of: ".") {
                rest = rest[rest.index(after: dot)...]
                if let leaf = custom["*.\(rest)"] { return leaf }
            }
        }
        return custom["*"]
    }
}

extension LeafCache {
    /// The largest number of names taken over from an upstream certificate, which may hold thousands.
    private static let maximumUpstreamNames = 250

    /// What a minted certificate should be valid for, without repetitions: the upstream certificate's common name and
    /// alternative names, then the name the client asked for or, without one, the address.
    ///
    /// Lower case. What cannot be a host name, such as a company's name in a common name, is left out.
    public static func names(forUpstream upstream: Certificate?, sni: String?, address: String?) -> [String] {
        let alternative = upstream?.subjectAlternativeNames
        let fromUpstream = [upstream?.commonName].compactMap { $0 } + (alternative?.dns ?? []) + (alternative?.ip ?? [])
        var seen: Set<String> = []
        return (fromUpstream.prefix(maximumUpstreamNames) + [sni ?? address].compactMap { $0 })
            .map { HostName.normalized($0.lowercased()) }
            .filter { name in
                let host = name.hasPrefix("*.") ? String(name.dropFirst(2)) : name
                let isUsable = HostName.isPlausible(host) && (!host.contains(":") || HostName.addressBytes(host) != nil)
                return isUsable && seen.insert(name).inserted
            }
    }
}
