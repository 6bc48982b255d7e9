import FlowModel
import Testing

@testable import DNS

/// Name servers and hosts, as files and options give them.
struct KnownServersTests {
    @Test(
        "name servers are addresses, with a port or without",
        arguments: [
            ("192.0.2.1", Address(host: "192.0.2.1", port: 53)), ("192.0.2.1:5353", Address(host: "192.0.2.1", port: 5353)),
            ("::1", Address(host: "::1", port: 53)), ("[::1]", Address(host: "::1", port: 53)),
            ("[::1]:54", Address(host: "::1", port: 54)), ("fe80::1%eth0", Address(host: "fe80::1%eth0", port: 53)),
        ])
    func option(text: String, address: Address) {
        #expect(NameServers.address(text) == address)
        #expect(NameServers.objection(text) == nil)
    }

    @Test(
        "anything else is not",
        arguments: [
            "", "example.org", "1.2.3", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:x", "[1.2.3.4]:53", "[::1", "::1]:53",
            "1.2.3.4%eth0",
        ])
    func noOption(text: String) { #expect(NameServers.objection(text) != nil) }

    @Test("resolv.conf is read line by line, what is not understood is skipped")
    func resolverConfiguration() {
        let text =
            "# nameserver 1.1.1.1\nsearch example.org\nnameserver 10.0.0.1\r\nnameserver\t::1 # there\nnameserver nonsense\nnameserver\n"
        #expect(
            NameServers.of(resolverConfiguration: text) == [Address(host: "10.0.0.1", port: 53), Address(host: "::1", port: 53)])
    }

    private let hosts = HostsFile(
        "127.0.0.1 localhost Local\n::1 localhost # ::2 localhost\n127.0.0.1\tlocalhost\n10.0.0.2 localhost\nnonsense a\n\n10.0.0.3 four"
    )

    private func query(_ name: String, _ type: Int) -> DNSMessage {
        var query = DNSMessage()
        var question = DNSQuestion()
        (question.name, question.type) = (name, type)
        query.id = 7
        query.questions = [question]
        return query
    }

    @Test("addresses are answered in the order of the file, each once")
    func addresses() {
        let answer = hosts.answer(to: query("LocalHost", 1))
        #expect(answer?.answers.map(\.text) == ["127.0.0.1", "10.0.0.2"])
        #expect(answer?.answers.first?.name == "LocalHost")
        #expect(answer?.id == 7 && answer?.isQuery == false && answer?.responseCode == 0)
        #expect(hosts.answer(to: query("localhost", 28))?.answers.map(\.text) == ["::1"])
        #expect(hosts.answer(to: query("four", 28))?.answers.isEmpty == true)
    }

    @Test("what is not in the file, or no question for an address, is left to servers")
    func others() {
        #expect(hosts.answer(to: query("a", 1)) == nil)
        #expect(hosts.answer(to: query("localhost", 16)) == nil)
        var other = query("localhost", 1)
        other.questions[0].dnsClass = 3
        #expect(hosts.answer(to: other) == nil)
        other = query("localhost", 1)
        other.questions += other.questions
        #expect(hosts.answer(to: other) == nil)
        other = query("localhost", 1)
        other.operation = 2
        #expect(hosts.answer(to: other) == nil)
    }
}
