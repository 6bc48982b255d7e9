import ProxyKernel
import Schema
import Testing

@Suite struct ClientAdmissionTests {
    /// As Python 3.11's `ipaddress` answers, on which mitmproxy decides.
    @Test(
        "kinds of addresses",
        arguments: [
            ("127.0.0.1", .loopback), ("127.9.9.9", .loopback), ("::1", .loopback), ("::ffff:127.0.0.1", .loopback),
            ("10.1.2.3", .local),
            ("172.16.0.1", .local), ("172.32.0.1", .global), ("192.168.0.1", .local), ("169.254.1.1", .local),
            ("100.64.0.1", .other),
            ("192.0.0.8", .global), ("192.0.0.170", .local), ("198.18.0.1", .local), ("203.0.113.9", .local),
            ("240.0.0.1", .local),
            ("255.255.255.255", .local), ("0.0.0.1", .local), ("8.8.8.8", .global), ("::ffff:8.8.8.8", .global), ("::", .local),
            ("fe80::1%eth0", .local), ("fd00::1", .local), ("2606:4700::1", .global), ("2001:db8::1", .local),
            ("2001::1", .local),
            ("100::1", .local), ("2002::1", .global), ("", .other), ("name", .other),
        ] as [(String, ClientAdmission.Kind)])
    func kinds(address: String, kind: ClientAdmission.Kind) { #expect(ClientAdmission.kind(of: address) == kind) }

    @Test("public clients are refused unless allowed, private ones if so told, local ones never")
    func refusals() throws {
        var settings = Settings()
        #expect(ClientAdmission(settings).refusal(of: "8.8.8.8")?.contains("block_global") == true)
        #expect(ClientAdmission(settings).refusal(of: "10.0.0.1") == nil)
        try settings.set(ProxyOptions.table.blockPrivate, ["true"])
        try settings.set(ProxyOptions.table.blockGlobal, ["false"])
        #expect(ClientAdmission(settings).refusal(of: "8.8.8.8") == nil)
        #expect(ClientAdmission(settings).refusal(of: "10.0.0.1")?.contains("block_private") == true)
        #expect(ClientAdmission(settings).refusal(of: "127.0.0.1") == nil)
    }
}
