import FlowModel
import NIOCore
import Testing

@testable import DNS

/// What fits into a datagram, and messages on a stream.
struct DatagramTests {
    private func answer(_ count: Int) throws -> DNSMessage {
        var message = try DNSMessage(octets: GoodMessages.answer)
        message.answers = Array(repeating: message.answers[1], count: count)
        return message
    }

    @Test("an answer that fits goes as it is")
    func fits() throws {
        let message = try answer(3)
        #expect(try message.datagram(limit: 512) == message.octets())
    }

    @Test("one that does not says so and keeps its question and EDNS")
    func cut() throws {
        let message = try answer(100)
        let short = try DNSMessage(octets: message.datagram(limit: 512))
        #expect(short.isTruncated && short.answers.isEmpty)
        #expect(short.questions == message.questions && short.additionals == message.additionals && short.id == message.id)
    }

    @Test("EDNS that is too large goes, then the questions")
    func cutFurther() throws {
        var message = try answer(1)
        message.additionals[0].data = ByteString([UInt8](repeating: 0, count: 600))
        #expect(try DNSMessage(octets: message.datagram(limit: 512)).additionals.isEmpty)
        message.questions = (0..<40).map {
            var question = DNSQuestion()
            question.name = "a-long-name-number-\($0).example"
            return question
        }
        let short = try DNSMessage(octets: message.datagram(limit: 512))
        #expect(short.questions.isEmpty && short.isTruncated)
    }

    @Test("a query says how much it takes", arguments: [(nil, 512), (0, 512), (100, 512), (1232, 1232), (65535, 65535)])
    func accepted(offer: Int?, expected: Int) throws {
        var query = try DNSMessage(octets: GoodMessages.query)
        if let offer {
            var option = DNSResource()
            (option.type, option.dnsClass) = (41, offer)
            query.additionals = [option]
        }
        #expect(query.acceptedDatagram == expected)
    }

    @Test("a failure answers the query")
    func failure() throws {
        let query = try DNSMessage(octets: GoodMessages.query)
        let answer = query.failed(.serverFailure)
        #expect(answer.id == query.id && !answer.isQuery && answer.questions == query.questions && answer.responseCode == 2)
    }

    @Test("messages on a stream arrive whole, wherever it is cut")
    func stream() {
        let messages = [GoodMessages.query, [], GoodMessages.answer]
        let bytes = messages.flatMap { Array(StreamFraming.framed($0).readableBytesView) }
        for size in 1...bytes.count {
            var framing = StreamFraming()
            var found: [[UInt8]] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                framing.received(ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)]))
                while let message = framing.next() { found.append(message) }
            }
            #expect(found == messages)
            #expect(framing.waiting == 0)
        }
    }
}
