import FlowModel
import ProxyKernel
import Schema
import Testing

@testable import Rules

@Suite struct PasswordTests {
    @Test("hashes of htpasswd and openssl passwd admit their password only", arguments: hashesOfSecret)
    func hashes(text: String) throws {
        let hash = try #require(PasswordHash(text))
        #expect(hash.admits("secret"))
        #expect(!hash.admits("Secret") && !hash.admits("") && !hash.admits("secret\0"))
    }

    @Test(
        "other kinds are refused",
        arguments: ["secret", "rl0uXdfDLKWlA", "$1$salt$0", "{SHA}short", "$2y$05$short", "$apr1$salt$short", ""])
    func others(text: String) { #expect(PasswordHash(text) == nil) }

    @Test("a client that was admitted at CONNECT is not asked again until it leaves")
    func tunnel() throws {
        let rule = try #require(try ProxyAuth(settings((options.proxyAuth, "name:pass:word"))))
        var stranger = flow("http://a.test/")
        rule.apply(to: &stranger, at: .requestHead)
        #expect(stranger.response?.statusCode == 407)
        #expect(stranger.response?.headers.first("Proxy-Authenticate") == "Basic realm=\"weir\"")
        var connect = flow("http://a.test/", "CONNECT", [("Proxy-Authorization", "basic bmFtZTpwYXNzOndvcmQ=")])
        rule.apply(to: &connect, at: .connect)
        #expect(connect.response == nil && !connect.request.headers.contains("Proxy-Authorization"))
        var inside = flow("http://a.test/")
        rule.apply(to: &inside, at: .requestHead)
        #expect(inside.response == nil && inside.metadata.json["proxyauth"] == ["name", "pass:word"])
        rule.clientLeft("client")
        var later = flow("http://a.test/")
        rule.apply(to: &later, at: .requestHead)
        #expect(later.response?.statusCode == 407)
    }

    @Test("in reverse mode the client is asked as a server does")
    func reverse() throws {
        let rule = try #require(try ProxyAuth(settings((options.proxyAuth, "any"))))
        var stranger = flow("http://a.test/", mode: "reverse:http://a.test")
        rule.apply(to: &stranger, at: .requestHead)
        #expect(stranger.response?.statusCode == 401 && stranger.response?.headers.contains("WWW-Authenticate") == true)
        var known = flow("http://a.test/", "GET", [("Authorization", "Basic YTpi")], mode: "reverse:http://a.test")
        rule.apply(to: &known, at: .requestHead)
        #expect(known.response == nil && !known.request.headers.contains("Authorization"))
    }
}

/// Made by openssl passwd, passlib and libcrypt.
private let hashesOfSecret = [
    "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/",
    "$apr1$x$12YdXEY0/hH4rDNkmZupO0",
    "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.",
    "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.",
    "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
    "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
    "$apr1$kAea357m$C2uEEyb2vpi.XcoLCk9UK.",
]
