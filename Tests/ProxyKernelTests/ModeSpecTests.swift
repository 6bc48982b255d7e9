import FlowModel
import Testing

@testable import ProxyKernel

struct ModeSpecTests {
    @Test(
        "a specification is read as mode[:data][@[host:]port]",
        arguments: [
            ("regular", ModeSpec.Kind.regular, nil, nil), ("REGULAR@8081", .regular, nil, 8081),
            ("regular@127.0.0.1:9", .regular, "127.0.0.1", 9),
            ("regular@[::1]:9", .regular, "::1", 9),
            ("reverse:http://a.example", .reverse(tls: false, server: .init(host: "a.example", port: 80)), nil, nil),
            (
                "reverse:https://a.example:8443/@[::]:1", .reverse(tls: true, server: .init(host: "a.example", port: 8443)), "::",
                1
            ),
            ("reverse:a.example", .reverse(tls: true, server: .init(host: "a.example", port: 443)), nil, nil),
            ("reverse:http://[::1]:80", .reverse(tls: false, server: .init(host: "::1", port: 80)), nil, nil),
        ] as [(String, ModeSpec.Kind, String?, Int?)])
    func read(_ text: String, _ kind: ModeSpec.Kind, _ host: String?, _ port: Int?) throws {
        let spec = try ModeSpec(text)
        #expect(spec.kind == kind)
        #expect(spec.listenHost == host)
        #expect(spec.listenPort == port)
        #expect(spec.description == text)
    }

    @Test(
        "a bad specification is refused with the reason",
        arguments: [
            ("", "unknown mode"), ("socks9", "unknown mode"), ("regular:x", "no data"), ("regular@", "not a port"),
            ("regular@65536", "not a port"),
            ("reverse", "expected reverse"), ("reverse:", "expected reverse"), ("reverse:ftp://a", "scheme 'ftp'"),
            ("reverse:http://a/b", "a path is not allowed"), ("reverse:http://a:0", "is not host"),
            ("reverse:http://", "is not host"),
            ("reverse:http://a b", "is not host"), ("reverse:http://::1", "is not host"),
        ])
    func refused(_ text: String, _ reason: String) {
        let failure = #expect(throws: ModeSpec.Failure.self) { try ModeSpec(text) }
        #expect(failure?.description.contains(reason) == true, "\(failure?.description ?? "")")
    }
}
