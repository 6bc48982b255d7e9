import Foundation
import NIOCore
import Testing

@testable import TLSEngine

@Suite struct HandshakeTests {
    let stage: Stage

    init() throws { stage = try Stage() }

    static func what(_ end: TLSConnection.Handshake) -> TLSFailure.What? {
        if case .failed(let failure) = end { failure.what } else { nil }
    }

    @Test(
        "both sides agree on the version, and then understand each other",
        arguments: [(TLSVersion.tls12, "TLSv1.2"), (.tls13, "TLSv1.3"), (.tls11, "TLSv1.1")])
    func versions(version: TLSVersion, name: String) throws {
        let minimum = version == .tls11 ? TLSVersion.tls11 : .tls12
        var upstream = stage.trusting
        upstream.minVersion = minimum
        let dialogue = try stage.dialogue(upstream: upstream, facing: .init(minVersion: minimum, maxVersion: version))
        #expect(dialogue.handshake() == (.complete, .complete))
        #expect(dialogue.client.version == name)
        #expect(dialogue.server.version == name)
        #expect(dialogue.client.cipher == dialogue.server.cipher)
        #expect(dialogue.server.serverName == "example.com")
        #expect(dialogue.client.serverName == "example.com")
        #expect(dialogue.client.negotiated.peerCertificates == [try stage.leaf("example.com").certificate])
        #expect(dialogue.server.peerCertificates.isEmpty)
        #expect(dialogue.send("ping", from: dialogue.client) == "ping")
        let long = String(repeating: "x", count: 100_000)
        #expect(dialogue.send(long, from: dialogue.server) == long)
    }

    @Test("versions below TLS 1.2 are refused unless asked for")
    func oldVersion() throws {
        var upstream = stage.trusting
        upstream.minVersion = .tls1
        upstream.maxVersion = .tls11
        let ends = try stage.dialogue(upstream: upstream).handshake()
        #expect(Self.what(ends.server) == .handshake)
        #expect(Self.what(ends.client) == .handshake)
    }

    @Test(
        "the decided protocol is chosen if the client offers it, whatever its preference",
        arguments: [
            (["h2", "http/1.1"], "http/1.1", "http/1.1"), (["h2", "http/1.1"], "h2", "h2"), (["h2"], "http/1.1", nil),
            (["h2"], nil, nil), ([], "h2", nil),
        ] as [([String], String?, String?)])
    func alpn(offers: [String], answer: String?, chosen: String?) throws {
        let dialogue = try stage.dialogue(offers: offers.map { Array($0.utf8) }, answer: answer.map { Array($0.utf8) })
        #expect(dialogue.handshake() == (.complete, .complete))
        #expect(dialogue.client.negotiatedALPN == chosen.map { Array($0.utf8) })
        #expect(dialogue.server.negotiatedALPN == chosen.map { Array($0.utf8) })
    }

    @Test(
        "a certificate is accepted for the name or address it is for, and its common name does not count",
        arguments: [
            ("example.com", "example.com", ["example.com"], true), ("www.example.com", nil, ["*.example.com"], true),
            ("192.0.2.1", nil, ["192.0.2.1"], true), ("2001:db8::1", nil, ["2001:db8:0::1"], true),
            ("192.0.2.1", "example.com", ["example.com"], true), ("example.com", "EXAMPLE.com.", ["example.com"], true),
            ("example.com", nil, ["example.org"], false), ("a.b.example.com", nil, ["*.example.com"], false),
            ("192.0.2.1", nil, ["192.0.2.2"], false), ("192.0.2.1", nil, ["example.com"], false),
            ("192.0.2.1", "192.0.2.1", ["192.0.2.1"], true),
        ] as [(String, String?, [String], Bool)])
    func names(host: String, sni: String?, names: [String], isAccepted: Bool) throws {
        let leaf = try stage.leaves.leaf(names: names, commonName: host, organization: nil)
        let dialogue = try stage.dialogue(host, sni: sni, leaf: leaf)
        let ends = dialogue.handshake()
        if isAccepted {
            #expect(ends == (.complete, .complete))
        } else {
            let isAddress = HostName.addressBytes(host) != nil
            #expect(Self.what(ends.client) == .peerUntrusted(isAddress ? "IP address mismatch" : "hostname mismatch"))
        }
    }

    @Test("a certificate of an unknown authority fails on both sides, and each says why")
    func unknownAuthority() throws {
        let stranger = try LeafCache(authority: .make(name: "stranger"))
        let leaf = try stranger.leaf(names: ["example.com"], commonName: nil, organization: nil)
        for version in [TLSVersion.tls12, .tls13] {
            let ends = try stage.dialogue(leaf: leaf, facing: .init(maxVersion: version)).handshake()
            #expect(Self.what(ends.client) == .peerUntrusted("unable to get local issuer certificate"))
            #expect(Self.what(ends.server) == .clientRejectedCertificate("unknown CA"))
        }
    }

    @Test("an expired certificate is refused")
    func expired() throws {
        let key = try PrivateKey.makeP256()
        let draft = CertificateDraft(validDays: -1, extensions: [], alternativeNames: ["example.com"])
        let certificate = try draft.signed(
            subjectKey: key, issuer: stage.authority.certificate, issuerKey: stage.authority.key)
        let leaf = try Leaf(certificate: certificate, key: key, chain: [])
        let ends = try stage.dialogue(leaf: leaf).handshake()
        #expect(Self.what(ends.client) == .peerUntrusted("certificate has expired"))
        #expect(Self.what(ends.server) == .clientRejectedCertificate("certificate expired"))
    }

    @Test("without verification anything is accepted")
    func insecure() throws {
        let stranger = try LeafCache(authority: .make(name: "stranger"))
        let leaf = try stranger.leaf(names: ["example.org"], commonName: nil, organization: nil)
        let dialogue = try stage.dialogue(leaf: leaf, upstream: UpstreamSettings(verify: false))
        #expect(dialogue.handshake() == (.complete, .complete))
    }

    @Test("bytes that are not TLS are a violation, by either side")
    func notTLS() throws {
        let dialogue = try stage.dialogue()
        _ = dialogue.client.handshake()
        dialogue.client.receive(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n"))
        #expect(Self.what(dialogue.client.handshake()) == .protocolViolation)
        dialogue.server.receive(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        #expect(Self.what(dialogue.server.handshake()) == .protocolViolation)
    }

    @Test("garbled data after the handshake is a violation, and leaves no error behind for the next connection")
    func garbled() throws {
        let dialogue = try stage.dialogue()
        #expect(dialogue.handshake() == (.complete, .complete))
        _ = dialogue.client.write(ByteBuffer(string: "hello"))
        var bytes = try #require(dialogue.client.takeCiphertext())
        bytes.setInteger(UInt8(0xff), at: bytes.writerIndex - 1)
        bytes.setInteger(UInt8(0xff), at: bytes.writerIndex - 2)
        dialogue.server.receive(bytes)
        var plaintext = ByteBuffer()
        guard case .failed(let failure) = dialogue.server.read(into: &plaintext) else {
            Issue.record("garbled bytes were read")
            return
        }
        #expect(failure.what == .protocolViolation)
        #expect(try stage.dialogue().handshake() == (.complete, .complete))
    }

    @Test("close_notify ends one direction and is seen")
    func closeNotify() throws {
        let dialogue = try stage.dialogue()
        #expect(dialogue.handshake() == (.complete, .complete))
        dialogue.client.shutdown()
        dialogue.server.receive(try #require(dialogue.client.takeCiphertext()))
        var plaintext = ByteBuffer()
        #expect(dialogue.server.read(into: &plaintext) == .closed)
        #expect(dialogue.server.sawCloseNotify)
        #expect(dialogue.send("still here", from: dialogue.server) == "still here")
    }

    @Test("a second connection resumes the first session on both sides", arguments: [TLSVersion.tls12, .tls13])
    func resumption(version: TLSVersion) throws {
        let facing = ClientFacingSettings(maxVersion: version)
        for attempt in 0..<4 {
            let dialogue = try stage.dialogue(facing: facing)
            #expect(dialogue.handshake() == (.complete, .complete))
            #expect(dialogue.client.isResumed == (attempt > 0))
            #expect(dialogue.server.isResumed == (attempt > 0))
            #expect(dialogue.client.peerCertificates.first?.commonName == "example.com")
            // TLS 1.3 tickets come with the first data.
            #expect(dialogue.send("data", from: dialogue.server) == "data")
        }
        let elsewhere = try stage.dialogue(sni: nil, facing: facing)
        #expect(elsewhere.handshake() == (.complete, .complete))
        #expect(!elsewhere.client.isResumed)
    }

    @Test("a server that asks gets the client's certificate, from a file or a folder by name", arguments: [false, true])
    func clientCertificate(fromFolder: Bool) throws {
        let leaf = try stage.leaf("me.example")
        _ = try stage.folder.write("example.com.pem", leaf.key.pem() + leaf.certificate.pem)
        var upstream = stage.trusting
        upstream.clientCertificates = stage.folder.path + (fromFolder ? "" : "/example.com.pem")
        let dialogue = try stage.dialogue(upstream: upstream, facing: .init(requestClientCertificate: true))
        #expect(dialogue.handshake() == (.complete, .complete))
        #expect(dialogue.server.peerCertificates.map(\.commonName) == ["me.example"])
        let silent = try stage.dialogue(facing: .init(requestClientCertificate: true))
        #expect(silent.handshake() == (.complete, .complete))
        #expect(silent.server.peerCertificates.isEmpty)
    }

    @Test("the key log gets whole lines, in a file for the owner only")
    func keyLog() throws {
        let path = stage.folder.path + "/keys.log"
        let contexts = TLSContexts(keyLog: try KeyLog(path: path))
        #expect(try stage.dialogue(contexts: contexts).handshake() == (.complete, .complete))
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.filter { $0.hasPrefix("CLIENT_TRAFFIC_SECRET_0 ") }.count == 2)
        #expect(try stage.folder.mode("keys.log") == 0o600)
    }

    @Test(
        "settings that cannot be used are refused with their name",
        arguments: [
            (UpstreamSettings(trustedCAFile: "/nowhere/ca.pem"), "/nowhere/ca.pem"),
            (UpstreamSettings(verify: false, ciphers: "NONSENSE"), "NONSENSE"),
            (UpstreamSettings(verify: false, curve: "P-1"), "P-1"),
            (UpstreamSettings(verify: false, minVersion: .tls13, maxVersion: .tls12), "TLS1_3"),
            (UpstreamSettings(verify: false, clientCertificates: "/nowhere/client.pem"), "/nowhere/client.pem"),
        ])
    func badSettings(settings: UpstreamSettings, name: String) throws {
        let failure = try #require(throws: TLSFailure.self) { try stage.contexts.prepare(settings) }
        #expect(failure.what == .configuration)
        #expect(failure.reason.contains(name))
    }

    @Test("the system's authorities are used when none are named")
    func systemAuthorities() throws {
        try stage.contexts.prepare(UpstreamSettings())
        let ends = try stage.dialogue(upstream: UpstreamSettings()).handshake()
        #expect(Self.what(ends.client) == .peerUntrusted("unable to get local issuer certificate"))
    }
}
