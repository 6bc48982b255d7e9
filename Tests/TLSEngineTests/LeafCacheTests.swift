import Foundation
import Testing

@testable import TLSEngine

@Suite struct LeafCacheTests {
    let stage: Stage

    init() throws { stage = try Stage() }

    @Test("another program verifies a leaf for each of its names")
    func verified() throws {
        let leaf = try stage.leaf("example.com", "*.example.org", "192.0.2.7", "2001:db8::7")
        let path = try stage.folder.write("leaf.pem", leaf.certificate.pem)
        for check in [["-verify_hostname", "example.com"], ["-verify_hostname", "a.example.org"], ["-verify_ip", "192.0.2.7"]] {
            let verdict = try openssl(
                arguments: ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", stage.trust] + check + [path])
            #expect(verdict.status == 0, "\(verdict.output)")
        }
        let other = try openssl("verify", "-CAfile", stage.trust, "-verify_hostname", "example.net", path)
        #expect(other.status != 0)
        let names = leaf.certificate.subjectAlternativeNames
        #expect(names.dns == ["example.com", "*.example.org"])
        #expect(names.ip == ["192.0.2.7", "2001:db8::7"])
    }

    @Test("a leaf says what browsers want to see")
    func contents() throws {
        let leaf = try stage.leaves.leaf(names: ["example.com"], commonName: "example.com", organization: "Example, Inc.")
        #expect(leaf.certificate.commonName == "example.com")
        #expect(leaf.certificate.organization == "Example, Inc.")
        let path = try stage.folder.write("leaf.pem", leaf.certificate.pem)
        let text = try openssl("x509", "-in", path, "-noout", "-text").output
        #expect(text.contains("X509v3 Extended Key Usage: \n                TLS Web Server Authentication"))
        #expect(text.contains("X509v3 Subject Key Identifier"))
        #expect(text.contains("X509v3 Authority Key Identifier"))
        #expect(text.contains("X509v3 Subject Alternative Name: \n                DNS:example.com"))
        let days = try Double(#require(leaf.certificate.notAfter)) - Date().timeIntervalSince1970
        #expect((196.9...197.1).contains(days / 86_400))
    }

    @Test("without a common name the alternative names are critical; one that is too long is left out")
    func critical() throws {
        let long = String(repeating: "a", count: 60) + ".example"
        let leaf = try stage.leaves.leaf(names: [long], commonName: long, organization: String(repeating: "o", count: 65))
        #expect(leaf.certificate.commonName == nil)
        #expect(leaf.certificate.organization == nil)
        let path = try stage.folder.write("leaf.pem", leaf.certificate.pem)
        #expect(try openssl("x509", "-in", path, "-noout", "-text").output.contains("X509v3 Subject Alternative Name: critical"))
        #expect(try openssl("verify", "-x509_strict", "-CAfile", stage.trust, path).status == 0)
    }

    @Test("a name with a comma stays one name")
    func comma() throws {
        let leaf = try stage.leaf("a.example,DNS:bank.example")
        #expect(leaf.certificate.subjectAlternativeNames.dns == ["a.example,DNS:bank.example"])
    }

    @Test("a name that is not ASCII is refused")
    func notASCII() throws {
        let failure = try #require(throws: TLSFailure.self) { try stage.leaf("bücher.example") }
        #expect(failure.what == .configuration)
    }

    @Test("the same names and organization get the same leaf, others another")
    func cached() throws {
        let leaf = try stage.leaf("a.example")
        #expect(try stage.leaf("a.example") === leaf)
        #expect(try stage.leaf("b.example") !== leaf)
        #expect(try stage.leaves.leaf(names: ["a.example"], commonName: "a.example", organization: "o") !== leaf)
    }

    @Test("what was not used for longest is forgotten first")
    func leastRecentlyUsed() {
        var kept = RecentlyUsed<String, Int>(capacity: 2)
        kept["a"] = 1
        kept["b"] = 2
        #expect(kept["a"] == 1)
        kept["c"] = 3
        #expect(kept["b"] == nil)
        #expect(kept["a"] == 1)
        #expect(kept["c"] == 3)
        kept["a"] = nil
        #expect(kept.count == 1)
    }

    @Test(
        "the operator's certificate for the most specific name is shown",
        arguments: [
            ("www.example.com", "exact"), ("WWW.example.com", "exact"), ("a.example.com", "one"), ("a.b.example.com", "one"),
            ("example.org", "two"), ("example.net", "any"),
        ])
    func custom(name: String, expected: String) throws {
        let domains = ["exact": "www.example.com=", "one": "*.example.com=", "two": "*.org=", "any": ""]
        let items = try domains.map { label, prefix in
            let leaf = try stage.leaf(label)
            return try prefix + stage.folder.write("\(label).pem", leaf.certificate.pem + leaf.key.pem())
        }
        let leaves = try LeafCache(authority: stage.authority, custom: items)
        #expect(try leaves.leaf(names: [name], commonName: nil, organization: nil).certificate.commonName == expected)
    }

    @Test("names without an operator's certificate are still minted")
    func notCustom() throws {
        let leaf = try stage.leaf("own")
        let path = try stage.folder.write("own.pem", leaf.certificate.pem + leaf.key.pem())
        let leaves = try LeafCache(authority: stage.authority, custom: ["*.example.com=\(path)"])
        let minted = try leaves.leaf(names: ["example.com"], commonName: "example.com", organization: nil)
        #expect(minted.certificate.commonName == "example.com")
    }

    @Test("an encrypted key opens with the passphrase, and without it fails instead of asking")
    func passphrase() throws {
        let leaf = try stage.leaf("own")
        let plain = try stage.folder.write("plain.pem", leaf.key.pem())
        let key = stage.folder.path + "/key.pem"
        #expect(try openssl("pkey", "-in", plain, "-aes256", "-passout", "pass:secret", "-out", key).status == 0)
        let path = try stage.folder.write("own.pem", String(contentsOfFile: key, encoding: .utf8) + leaf.certificate.pem)
        #expect(throws: TLSFailure.self) { try LeafCache(authority: stage.authority, custom: [path]) }
        let leaves = try LeafCache(authority: stage.authority, custom: [path], passphrase: "secret")
        #expect(try leaves.leaf(names: ["x"], commonName: nil, organization: nil).certificate == leaf.certificate)
    }

    @Test("names are the upstream certificate's, then the client's or else the address, each once")
    func names() throws {
        let upstream = try stage.leaves.leaf(
            names: ["Example.com", "www.example.com", "*.cdn.example", "192.0.2.9"], commonName: "example.com", organization: nil
        ).certificate
        let names = ["example.com", "www.example.com", "*.cdn.example", "192.0.2.9"]
        #expect(LeafCache.names(forUpstream: upstream, sni: "new.example", address: "10.0.0.1") == names + ["new.example"])
        #expect(LeafCache.names(forUpstream: upstream, sni: "WWW.example.com", address: nil) == names)
        #expect(LeafCache.names(forUpstream: upstream, sni: nil, address: "10.0.0.1") == names + ["10.0.0.1"])
        #expect(LeafCache.names(forUpstream: nil, sni: nil, address: nil) == [])
        let company = try stage.leaves.leaf(names: ["a.example"], commonName: "Some Company", organization: nil).certificate
        #expect(LeafCache.names(forUpstream: company, sni: nil, address: nil) == ["a.example"])
    }

    @Test("an upstream certificate of thousands of names does not crowd out the client's")
    func manyNames() throws {
        let upstream = try stage.leaves.leaf(names: (0..<1000).map { "h\($0).example" }, commonName: nil, organization: nil)
        let names = LeafCache.names(forUpstream: upstream.certificate, sni: "wanted.example", address: nil)
        #expect(names.count == 251)
        #expect(names.last == "wanted.example")
    }

    @Test("a certificate is the same after DER and PEM")
    func encodings() throws {
        let certificate = try stage.leaf("a.example").certificate
        #expect(try Certificate(der: certificate.der) == certificate)
        #expect(try Certificate(pem: certificate.pem) == certificate)
        #expect(throws: TLSFailure.self) { try Certificate(pem: "nothing") }
        #expect(throws: TLSFailure.self) { try Certificate(der: [0x30, 0x03, 1]) }
    }
}
