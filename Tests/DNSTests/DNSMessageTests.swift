import FlowModel
import Testing

@testable import DNS

/// Messages and their octets.
struct DNSMessageTests {
    @Test("an answer is read with its names expanded")
    func answer() throws {
        let message = try DNSMessage(octets: GoodMessages.answer)
        #expect(message.id == 0x1234 && !message.isQuery && message.isAuthoritative && message.recursionIsDesired)
        #expect(message.recursionIsAvailable && !message.isTruncated && message.responseCode == 0)
        #expect(message.questions.map(\.name) == ["www.example.org"])
        #expect(message.answers.map(\.name) == ["www.example.org", "web.example.org"])
        #expect(message.answers[0].data.bytes == octets(#"\03web\07example\03org\00"#))
        #expect(message.answers[0].timeToLive == 3600)
        #expect(message.answers[1].data.bytes == [192, 0, 2, 1])
        #expect(message.additionals[0].type == 41 && message.additionals[0].dnsClass == 1232)
        #expect(message.text == "www.example.org\r\nweb.example.org\r\n192.0.2.1\r\n0x")
    }

    @Test("data that may hold compressed names stands for itself")
    func data() throws {
        let message = try DNSMessage(octets: GoodMessages.mail)
        #expect(message.answers[0].data.bytes == octets(#"\00\0A \01x\01a\00"#))
        #expect(
            message.authorities[0].data.bytes
                == octets(#"\01n\01a\00 \01m\01a\00 \00\00\00\01 \00\00\00\02 \00\00\00\03 \00\00\00\04 \00\00\00\05"#))
        #expect(message.additionals[0].data.bytes == octets(#"\00\01\00\02\00\35 \01h\01a\00"#))
        #expect(try DNSMessage(octets: GoodMessages.update).authorities[0].data.isEmpty)
        #expect(try DNSMessage(octets: GoodMessages.naptr).answers[0].data.bytes.suffix(3) == octets(#"\01b\00"#))
    }

    @Test("what is written is read as the same, and is no longer than a server's own", arguments: GoodMessages.all)
    func roundTrip(octets: [UInt8]) throws {
        let message = try DNSMessage(octets: octets)
        let written = try message.octets()
        #expect(try DNSMessage(octets: written) == message)
        // SRV's names are not to be compressed (RFC 2782).
        #expect(written.count <= octets.count + (message.additionals.contains { $0.type == 33 } ? 1 : 0))
    }

    @Test("every flag has its place", arguments: 0..<16)
    func flags(bit: Int) throws {
        let octets = [0, 0, UInt8((1 << bit) >> 8), UInt8((1 << bit) & 0xFF)] + [UInt8](repeating: 0, count: 8)
        #expect(try DNSMessage(octets: octets).octets() == octets)
    }

    @Test("a message cut anywhere is refused", arguments: GoodMessages.all)
    func cuts(octets: [UInt8]) {
        for length in 0..<octets.count {
            #expect(throws: WireFailure.self, "\(length)") { try DNSMessage(octets: Array(octets[..<length])) }
        }
        #expect(throws: WireFailure.self) { try DNSMessage(octets: octets + [0]) }
    }

    private static let question = #"\00\01 \00\00 \00\01 \00\00 \00\00 \00\00"#
    private static let record = #"\00\01 \80\00 \00\00 \00\01 \00\00 \00\00"#

    @Test(
        "malformed messages are refused with the place and the reason",
        arguments: [
            ("", "found 0"),
            (#"\00\01"#, "found 2"),
            (question + #"\C0\0C \00\01 \00\01"#, "question 1: a pointer at octet 12 that does not lead back"),
            (question + #"\C0\10 \00\01 \00\01 \00"#, "does not lead back"),
            (question + #"\01a\C0\0C \00\01 \00\01"#, "does not lead back"),
            (question + #"\C0\00 \00\01 \00\01"#, "into the header"),
            (question + #"\C0"#, "half a pointer"),
            (question + #"\40a\00 \00\01 \00\01"#, "unknown kind"),
            (question + #"\80a\00 \00\01 \00\01"#, "unknown kind"),
            (question + #"\05abc"#, "a label of 5 octets goes on behind"),
            (question + #"\01a"#, "a name goes on behind"),
            (question + #"\00 \00\01 \00"#, "expected 2 more octets"),
            (question + #"\00 \00\01 \00\01 x"#, "1 octets behind the end"),
            (question + String(repeating: #"\3F"# + String(repeating: "a", count: 63), count: 4) + #"\00"#, "more than 255"),
            (record + #"\00 \00\01 \00\01 \00\00\00\00 \00\05 abcd"#, "answer 1: expected 5 more octets"),
            (record + #"\00 \00\05 \00\01 \00\00\00\00 \00\02 \C0\17"#, "does not lead back"),
            (record + #"\01a\00 \00\05 \00\01 \00\00\00\00 \00\03 \01b\C0 \0C"#, "half a pointer"),
            (record + #"\00 \00\05 \00\01 \00\00\00\00 \00\02 \00x"#, "behind the end of its data"),
            (record + #"\00 \00\0F \00\01 \00\00\00\00 \00\01 x"#, "expected 2 more octets"),
            (record + #"\00 \00\06 \00\01 \00\00\00\00 \00\03 \00\00x"#, "expected 20 more octets"),
            (record + #"\00 \00\23 \00\01 \00\00\00\00 \00\06 abcd\07x"#, "expected 7 more octets"),
        ])
    func malformed(text: String, why: String) {
        let failure = #expect(throws: WireFailure.self) { try DNSMessage(octets: octets(text)) }
        #expect(failure?.description.contains(why) == true, "\(failure?.description ?? "")")
    }

    @Test("two pointers that lead to each other are refused")
    func loop() {
        let text = Self.record + #"\01a\C0\1B \00\05 \00\01 \00\00\00\00 \00\02 \C0\0C"#
        #expect(throws: WireFailure.self) { try DNSMessage(octets: octets(text)) }
    }

    @Test("mutated messages are refused or read, and what is read survives being written", arguments: [1, 2, 3] as [UInt64])
    func mutations(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let pointed: [UInt8] = [0, 1, 2, 5, 12, 41, 63, 64, 0x80, 0xC0, 0xFF]
        var read = 0
        for _ in 0..<20000 {
            var input = GoodMessages.all.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let position = Int.random(in: input.indices, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: input[position] = UInt8.random(in: 0...255, using: &random)
                case 1: input[position] = pointed.randomElement(using: &random) ?? 0
                case 2: input.insert(pointed.randomElement(using: &random) ?? 0, at: position)
                default: if input.count > 1 { input.remove(at: position) }
                }
            }
            guard let message = try? DNSMessage(octets: input) else { continue }
            read += 1
            #expect(try DNSMessage(octets: message.octets()) == message, "\(input)")
        }
        #expect(read > 1000)
    }

    @Test("names of entries that no message can carry are refused when it is written")
    func unwritable() {
        var message = DNSMessage()
        message.questions = [DNSQuestion()]
        message.questions[0].name = "a..b"
        let failure = #expect(throws: WireFailure.self) { try message.octets() }
        #expect(failure?.description == "question 1: a label is empty")
        message.questions = []
        var record = DNSResource()
        record.data = ByteString([UInt8](repeating: 0, count: 65536))
        message.additionals = [record]
        #expect(throws: WireFailure.self) { try message.octets() }
        record.data = ByteString([UInt8](repeating: 0, count: 40000))
        message.additionals = [record, record]
        #expect(throws: WireFailure.self) { try message.octets() }
    }

    @Test("names beyond the reach of pointers are written whole")
    func far() throws {
        var message = DNSMessage()
        var filler = DNSResource(), record = DNSResource()
        filler.type = 16
        filler.data = ByteString([UInt8](repeating: 1, count: 17000))
        record.name = "far.example"
        message.answers = [filler, record, record]
        #expect(try DNSMessage(octets: message.octets()) == message)
    }
}
