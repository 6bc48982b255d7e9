import FlowModel
import NIOCore
import Testing

@testable import ProxyKernel

struct DetectionTests {
    private func verdict(_ text: String, _ admits: Detection.Admission = .any, closed: Bool = false) -> String {
        describe(Detection(admits: admits).verdict(on: ByteBuffer(string: text), inputIsClosed: closed))
    }

    private var tunnel: Ground {
        var ground = Ground(mode: .regular)
        ground.enterTunnel(to: Address(host: "a", port: 1), eager: nil)
        return ground
    }

    private func describe(_ verdict: Detection.Verdict) -> String {
        switch verdict {
        case .needMore: "needMore"
        case .http2: "http2"
        case .dns: "dns"
        case .tls: "tls"
        case .http: "http"
        case .raw: "raw"
        case .socks: "socks"
        case .passthrough: "passthrough"
        }
    }

    @Test(
        "inside a tunnel a request line is HTTP and all else is raw",
        arguments: [
            ("G", "needMore"), ("GET", "needMore"), ("GET ", "http"), ("GET / HTTP/1.1\r\n", "http"), ("M-SEARCH * ", "http"),
            ("SSH-2.0-x\r\n", "raw"), ("get / ", "raw"), ("\u{16}", "needMore"), ("\u{1}\u{2}", "raw"), ("HELO\r\n", "raw"),
            (String(repeating: "A", count: 40), "raw"), ("", "needMore"), ("AB ", "raw"),
        ])
    func tunnel(_ text: String, _ expected: String) { #expect(verdict(text) == expected) }

    @Test(
        "where only TLS and HTTP are allowed, what is not TLS is left to the HTTP parser",
        arguments: ["SSH-2.0-x\r\n", "G", "\u{1}"])
    func explicit(_ text: String) { #expect(verdict(text, .http) == "http") }

    @Test("where nothing else is allowed, HTTP is raw as well", arguments: ["GET / HTTP/1.1\r\n", "G", "\u{1}"])
    func raw(_ text: String) { #expect(verdict(text, .raw) == "raw") }

    @Test(
        "the connection preface is HTTP/2, whatever else is allowed",
        arguments: [
            ("PRI", "needMore"), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r", "needMore"), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"),
            ("PRI * HTTP/2.1\r\n", "http"),
        ])
    func preface(_ text: String, _ expected: String) {
        #expect(verdict(text) == expected)
        #expect(verdict(text, .http) == expected)
    }

    @Test("where SOCKS is spoken, nothing else is looked for", arguments: ["GET / HTTP/1.1\r\n", "\u{16}\u{3}\u{1}", "\u{5}"])
    func socks(_ text: String) { #expect(verdict(text, .socks) == "socks") }

    @Test("a client that says no more forces the decision")
    func closed() { #expect(verdict("GET", closed: true) == "raw") }

    @Test(
        "a worker's choice is followed where it fits the bytes",
        arguments: [
            ("tcp", "GET / ", "raw"), ("tcp", "\u{16}\u{3}\u{1}", "raw"), ("tcp", "", "raw"),
            ("ignore", "anything", "passthrough"),
            ("http", "GET / ", "http"), ("http", "\u{1}\u{2}", "http"), ("http", "", "http"),
            ("http", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"),
            ("tls", "GET / ", "has not sent a ClientHello"), ("tls", "", "has not sent a ClientHello"),
            ("tls", "\u{16}\u{3}\u{1}", "has not sent a ClientHello"), ("http", "\u{16}\u{3}\u{1}", "has sent a ClientHello"),
            ("dns", "\u{0}\u{C}ab\u{1}\u{0}", "dns"), ("dns", "\u{0}\u{B}ab\u{1}", "has not sent a query"),
            ("dns", "GET / ", "has not sent a query"),
            ("dns", "\u{0}\u{C}ab\u{7F}", "has not sent a query"), ("dns", "", "has not sent a query"),
            ("socks5", "\u{5}", "expected tls, http, tcp, dns or ignore"), ("", "GET", "expected tls"),
            ("TCP", "GET", "expected tls"),
        ])
    func choice(_ word: String, _ text: String, _ expected: String) {
        let found: String
        do throws(Detection.Misfit) {
            found = describe(
                try Detection.verdict(named: word, for: ByteBuffer(string: text), on: tunnel, serverSpoke: false))
        } catch {
            found = error.reason
        }
        #expect(found.contains(expected), "\(found)")
    }

    @Test("a choice must have a server to send to, and HTTP none that has spoken", arguments: ["tcp", "ignore", "dns", "http"])
    func choiceOfPlace(_ word: String) {
        #expect(throws: Detection.Misfit.self) {
            try Detection.verdict(
                named: word, for: ByteBuffer(string: "x"), on: word == "http" ? tunnel : Ground(mode: .regular), serverSpoke: true
            )
        }
    }
}
