import FlowModel
import Testing

@testable import ProxyKernel

private let example = Address(host: "a.example", port: 80)

struct ModeSpecTests {
    @Test(
        "a specification is read as mode[:data][@[host:]port]",
        arguments: [
            ("regular", .regular, nil, nil), ("REGULAR@8081", .regular, nil, 8081),
            ("regular@127.0.0.1:9", .regular, "127.0.0.1", 9),
            ("regular@[::1]:9", .regular, "::1", 9), ("regular@0", .regular, nil, 0), ("regular@:9", .regular, "", 9),
            ("transparent", .transparent, nil, nil), ("Transparent@[::]:8443", .transparent, "::", 8443),
            ("socks5", .socks5, nil, nil), ("SOCKS5@localhost:1", .socks5, "localhost", 1), ("dns", .dns, nil, nil),
            ("dns@5353", .dns, nil, 5353),
            ("upstream:a.example", .upstream(tls: false, proxy: example), nil, nil),
            ("upstream:http://a.example", .upstream(tls: false, proxy: example), nil, nil),
            ("upstream:a.example:3128@8081", .upstream(tls: false, proxy: .init(host: "a.example", port: 3128)), nil, 8081),
            ("upstream:HTTPS://a.example/", .upstream(tls: true, proxy: .init(host: "a.example", port: 443)), nil, nil),
            (
                "upstream:https://[2001:db8::1]:8443", .upstream(tls: true, proxy: .init(host: "2001:db8::1", port: 8443)), nil,
                nil
            ),
            ("upstream:[::1]", .upstream(tls: false, proxy: .init(host: "::1", port: 80)), nil, nil),
            ("reverse:a.example", .reverse(.https, server: .init(host: "a.example", port: 443)), nil, nil),
            ("reverse:a.example:8443", .reverse(.https, server: .init(host: "a.example", port: 8443)), nil, nil),
            ("reverse:http://a.example", .reverse(.http, server: example), nil, nil),
            ("reverse:http://[::1]:80", .reverse(.http, server: .init(host: "::1", port: 80)), nil, nil),
            (
                "reverse:https://a.example:8443/@[::]:1", .reverse(.https, server: .init(host: "a.example", port: 8443)), "::",
                1
            ),
            ("reverse:h2c://a.example", .reverse(.h2c, server: example), nil, nil),
            ("reverse:tcp://a.example:80", .reverse(.tcp, server: example), nil, nil),
            ("Reverse:TLS://[::1]:1@2", .reverse(.tls, server: .init(host: "::1", port: 1)), nil, 2),
            ("reverse:udp://a.example:80", .reverse(.udp, server: example), nil, nil),
            ("reverse:dns://a.example", .reverse(.dns, server: .init(host: "a.example", port: 53)), nil, nil),
            ("reverse:dns://a.example:80", .reverse(.dns, server: example), nil, nil),
        ] as [(String, ModeKind, String?, Int?)])
    func read(_ text: String, _ kind: ModeKind, _ host: String?, _ port: Int?) throws {
        let spec = try ModeSpec(text)
        #expect(spec.kind == kind)
        #expect(spec.listenHost == host)
        #expect(spec.listenPort == port)
        #expect(spec.description == text)
    }

    @Test(
        "a bad specification is refused with the reason",
        arguments: [
            ("", "unknown mode"), ("socks9", "unknown mode"), ("socks", "unknown mode"), ("regular:x", "no data"),
            ("transparent:x", "no data"), ("socks5:x", "no data"), ("dns:8.8.8.8", "no data"), ("regular@", "not a port"),
            ("regular@65536", "not a port"), ("regular@-1", "not a port"), ("regular@+1", "not a port"),
            ("wireguard", "not supported"), ("wireguard:conf", "not supported"), ("local:curl", "not supported"),
            ("tun", "not supported"), ("osproxy", "not supported"),
            ("upstream", "expected upstream"), ("upstream:", "expected upstream"), ("upstream:socks5://a:1", "scheme 'socks5'"),
            ("upstream:http://", "is not host"), ("upstream:http://a/b", "a path is not allowed"),
            ("upstream:http://name:word@a:1", "upstream_auth"), ("upstream:http://name:word@a:1@2", "upstream_auth"),
            ("upstream:name@a:1@2", "upstream_auth"),
            ("reverse", "expected reverse"), ("reverse:", "expected reverse"), ("reverse:ftp://a", "scheme 'ftp'"),
            ("reverse:http3://a", "scheme 'http3'"), ("reverse:quic://a:1", "scheme 'quic'"),
            ("reverse:dtls://a:1", "scheme 'dtls'"),
            ("reverse:tcp://a", "must name its port"), ("reverse:tls://a", "must name its port"),
            ("reverse:udp://a", "must name its port"), ("reverse:tcp://[::1]", "must name its port"),
            ("reverse:http://a/b", "a path is not allowed"), ("reverse:http://a?b", "a path is not allowed"),
            ("reverse:http://a:0", "is not host"), ("reverse:http://a:65536", "is not host"),
            ("reverse:http://a:+1", "is not host"),
            ("reverse:http://", "is not host"), ("reverse:http://a b", "is not host"), ("reverse:http://::1", "is not host"),
            ("reverse:http://name:word@a:1@2", "credentials are not allowed"),
        ])
    func refused(_ text: String, _ reason: String) {
        let failure = #expect(throws: ModeSpec.Failure.self) { try ModeSpec(text) }
        #expect(failure?.description.contains(reason) == true, "\(failure?.description ?? "")")
        #expect(failure?.description.contains("mode '\(text)'") == true)
    }

    @Test(
        "a mode has its own default port and sockets",
        arguments: [
            ("regular", 8080, [.tcp]), ("transparent", 8080, [.tcp]), ("socks5", 1080, [.tcp]), ("upstream:a", 8080, [.tcp]),
            ("reverse:a", 8080, [.tcp]), ("reverse:tcp://a:1", 8080, [.tcp]), ("reverse:udp://a:1", 8080, [.udp]),
            ("reverse:dns://a", 53, [.tcp, .udp]), ("dns", 53, [.tcp, .udp]),
        ] as [(String, Int, [Transport])])
    func places(_ text: String, _ port: Int, _ transports: [Transport]) throws {
        let mode = try ModeSpec(text)
        #expect(mode.places(host: "", port: nil) == transports.map { ListenPlace(host: "", port: port, transport: $0) })
        #expect(mode.places(host: "h", port: 7) == transports.map { ListenPlace(host: "h", port: 7, transport: $0) })
    }

    @Test(
        "two modes may not have one host, port and transport",
        arguments: [
            (["regular", "transparent"], true), (["regular", "socks5"], false), (["regular@9", "socks5@9"], true),
            (["regular@a:9", "socks5@b:9"], false), (["regular@9", "reverse:udp://a:1@9"], false),
            (["dns", "reverse:dns://a"], true),
            (["reverse:udp://a:1@53", "dns"], true), (["regular@0", "socks5@0"], false), (["regular"], false),
        ])
    func clash(_ texts: [String], _ clashes: Bool) throws {
        let modes = try texts.map { try ModeSpec($0) }
        #expect((ListenPlace.clash(of: modes, host: "", port: nil) != nil) == clashes)
    }

    @Test("listen_port is the port of every mode that names none")
    func sharedPort() throws {
        let modes = [try ModeSpec("regular"), try ModeSpec("socks5")]
        #expect(ListenPlace.clash(of: modes, host: "", port: 8080)?.2.port == 8080)
    }
}
