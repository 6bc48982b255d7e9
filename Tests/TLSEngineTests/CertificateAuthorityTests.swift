import COpenSSL
import Foundation
import Testing

@testable import TLSEngine

@Suite struct CertificateAuthorityTests {
    let folder: Folder
    /// Does not exist at first.
    var home: String { folder.path + "/deep/home" }

    init() throws { folder = try Folder() }

    /// What mitmproxy writes: a PKCS#1 key and its certificate in one file, here made by another program.
    func mitmproxyFile(_ name: String, kind: [String] = ["-newkey", "rsa:2048"], subject: String = "/CN=mitmproxy/O=mitmproxy")
        throws
    {
        let key = folder.path + "/key"
        let certificate = folder.path + "/certificate"
        let made = try openssl(
            arguments: ["req", "-x509", "-nodes", "-keyout", key, "-out", certificate, "-subj", subject, "-days", "10"] + kind)
        try #require(made.status == 0, "\(made.output)")
        let old = folder.path + "/traditional"
        // Ed25519 has no traditional form and stays PKCS#8.
        let isTraditional = try openssl("pkey", "-in", key, "-traditional", "-out", old).status == 0
        let contents = try [isTraditional ? old : key, certificate].map { try String(contentsOfFile: $0, encoding: .utf8) }
            .joined()
        _ = try folder.write(name, contents)
    }

    @Test("a new authority leaves its files, the keys readable by the owner only, in a folder of the owner")
    func newFiles() throws {
        let authority = try CertificateAuthority.load(directory: home)
        #expect(try folder.mode("deep/home") == 0o700)
        let modes = try FileManager.default.contentsOfDirectory(atPath: home).map { ($0, try folder.mode("deep/home/" + $0)) }
        #expect(
            Dictionary(uniqueKeysWithValues: modes) == [
                "weir-ca.pem": 0o600, "weir-ca.p12": 0o600, "weir-ca-cert.pem": 0o644, "weir-ca-cert.cer": 0o644,
                "weir-ca-cert.p12": 0o644,
            ])
        for name in ["weir-ca-cert.pem", "weir-ca-cert.cer"] {
            #expect(try String(contentsOfFile: "\(home)/\(name)", encoding: .utf8) == authority.certificate.pem)
        }
    }

    @Test("the same authority is loaded again, under its own name")
    func loadedAgain() throws {
        let first = try CertificateAuthority.load(directory: home, basename: "other")
        let second = try CertificateAuthority.load(directory: home, basename: "other")
        #expect(first.certificate == second.certificate)
        #expect(first.certificate.commonName == "other")
        #expect(first.certificate.organization == "other")
        #expect(try CertificateAuthority.load(directory: home).certificate != first.certificate)
    }

    @Test("those who start at once get one authority")
    func race() async throws {
        let home = self.home
        let certificates = try await withThrowingTaskGroup(of: Certificate.self) { group in
            for _ in 0..<8 { group.addTask { try CertificateAuthority.load(directory: home).certificate } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(certificates.count == 1)
    }

    @Test("the certificate is an authority's for ten years, in OpenSSL's own reading")
    func contents() throws {
        let authority = try CertificateAuthority.load(directory: home)
        let text = try openssl("x509", "-in", "\(home)/weir-ca-cert.pem", "-noout", "-text").output
        #expect(text.contains("X509v3 Basic Constraints: critical\n                CA:TRUE"))
        #expect(text.contains("X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign"))
        #expect(text.contains("X509v3 Extended Key Usage: \n                TLS Web Server Authentication"))
        #expect(text.contains("X509v3 Subject Key Identifier"))
        #expect(text.contains("Subject: CN = weir, O = weir"))
        #expect(text.contains("Signature Algorithm: ecdsa-with-SHA256"))
        let days = try Double(#require(authority.certificate.notAfter)) - Date().timeIntervalSince1970
        #expect((3649.9...3650.1).contains(days / 86_400))
    }

    @Test("PKCS#12 files open with an empty password; only one holds the key")
    func pkcs12() throws {
        let authority = try CertificateAuthority.load(directory: home)
        let both = try openssl("pkcs12", "-in", "\(home)/weir-ca.p12", "-passin", "pass:", "-nodes")
        #expect(both.status == 0, "\(both.output)")
        #expect(both.output.contains("PRIVATE KEY"))
        #expect(both.output.contains(authority.certificate.pem))
        let one = try openssl("pkcs12", "-in", "\(home)/weir-ca-cert.p12", "-passin", "pass:", "-nodes")
        #expect(one.status == 0, "\(one.output)")
        #expect(!one.output.contains("PRIVATE KEY"))
        #expect(one.output.contains(authority.certificate.pem))
    }

    @Test("an authority made by mitmproxy serves if there is no other, and its folder is left alone")
    func mitmproxy() throws {
        try mitmproxyFile("mitmproxy-ca.pem")
        let before = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        let authority = try CertificateAuthority.load(directory: folder.path)
        #expect(authority.certificate.commonName == "mitmproxy")
        #expect(try String(contentsOfFile: folder.path + "/mitmproxy-ca.pem", encoding: .utf8).contains("BEGIN RSA PRIVATE KEY"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == before)
        let leaf = try LeafCache(authority: authority).leaf(names: ["a.example"], commonName: "a.example", organization: nil)
        let path = try folder.write("leaf.pem", leaf.certificate.pem)
        let verdict = try openssl("verify", "-CAfile", folder.path + "/certificate", path)
        #expect(verdict.status == 0, "\(verdict.output)")
    }

    @Test("a key and certificate put in place serve, RSA or EC, and the copies beside them follow")
    func replaced() throws {
        _ = try CertificateAuthority.load(directory: folder.path)
        for kind in [
            ["-newkey", "rsa:2048"], ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], ["-newkey", "ed25519"],
        ] {
            try mitmproxyFile("weir-ca.pem", kind: kind, subject: "/CN=own")
            let authority = try CertificateAuthority.load(directory: folder.path)
            #expect(authority.certificate.commonName == "own")
            let copy = try String(contentsOfFile: folder.path + "/weir-ca-cert.pem", encoding: .utf8)
            #expect(copy == authority.certificate.pem)
            let bundle = try openssl("pkcs12", "-in", folder.path + "/weir-ca.p12", "-passin", "pass:", "-nodes")
            #expect(bundle.output.contains(authority.certificate.pem))
            let leaf = try LeafCache(authority: authority).leaf(names: ["a.example"], commonName: nil, organization: nil)
            let path = try folder.write("leaf.pem", leaf.certificate.pem)
            #expect(try openssl("verify", "-CAfile", folder.path + "/certificate", path).status == 0)
        }
    }

    @Test("an intermediate authority keeps its chain, and clients that know only the root accept its leaves")
    func intermediate() throws {
        let stage = try Stage()
        let key = try PrivateKey.makeP256()
        let draft = CertificateDraft(
            commonName: "middle", organization: nil, validDays: 10,
            extensions: [(NID_basic_constraints, "critical,CA:TRUE"), (NID_key_usage, "critical,keyCertSign")])
        let middle = try draft.signed(
            subjectKey: key, issuer: stage.authority.certificate, issuerKey: stage.authority.key)
        let root = stage.authority.certificate.pem
        _ = try folder.write("weir-ca.pem", root + key.pem() + middle.pem)
        let authority = try CertificateAuthority.load(directory: folder.path)
        #expect(authority.certificate.commonName == "middle")
        #expect(authority.chain == [stage.authority.certificate])
        let leaf = try LeafCache(authority: authority).leaf(names: ["example.com"], commonName: nil, organization: nil)
        let dialogue = try stage.dialogue(leaf: leaf)
        #expect(dialogue.handshake() == (.complete, .complete))
        #expect(dialogue.client.peerCertificates.map(\.commonName) == [nil, "middle", "stage"])
    }

    @Test("a file that cannot serve is refused by name and reason, and stays as it is")
    func broken() throws {
        let good = try CertificateAuthority.make(name: "good")
        let key = try good.key.pem()
        let stranger = try PrivateKey.makeP256().pem()
        let leaf = try LeafCache(authority: good).leaf(names: ["a.example"], commonName: nil, organization: nil)
        for (contents, reason) in [
            ("", "holds no usable private key"), ("nonsense", "holds no usable private key"),
            (good.certificate.pem, "holds no usable private key"), (key, "holds no certificate"),
            (stranger + good.certificate.pem, "belongs to its private key"),
            (try leaf.key.pem() + leaf.certificate.pem, "is not a certificate authority"),
            (key + good.certificate.pem.replacingOccurrences(of: "MII", with: "AAA"), "holds a broken certificate"),
        ] {
            let path = try folder.write("weir-ca.pem", contents)
            let failure = try #require(throws: TLSFailure.self) { try CertificateAuthority.load(directory: folder.path) }
            #expect(failure.what == .configuration)
            #expect(failure.reason.contains(path) && failure.reason.contains(reason), "\(failure.reason)")
            #expect(try String(contentsOfFile: path, encoding: .utf8) == contents)
        }
    }

    @Test("a folder that cannot be made is refused by name")
    func noFolder() throws {
        let file = try folder.write("file", "")
        let failure = try #require(throws: TLSFailure.self) { try CertificateAuthority.load(directory: file + "/below") }
        #expect(failure.reason.contains(file + "/below"))
    }
}
