import FlowModel
import Testing

@testable import DNS

/// What is taken for a query, and what for its answer.
struct QueryTests {
    private let asked: Query
    private let answer: DNSMessage

    init() throws {
        let message = try DNSMessage(octets: GoodMessages.query)
        asked = Query(message, octets: GoodMessages.query, id: 0xBEEF)
        var answer = message.answer
        answer.id = 0xBEEF
        self.answer = answer
    }

    @Test("a query is sent as it came, with another id")
    func octets() {
        #expect(asked.octets == [0xBE, 0xEF] + GoodMessages.query.dropFirst(2))
    }

    @Test("the answer is known by id and question, whatever the case of its letters")
    func accepted() throws {
        var answer = answer
        #expect(try asked.answer(answer.octets()) == answer)
        answer.questions[0].name = "EXAMPLE.Org"
        #expect(try asked.answer(answer.octets()) == answer)
        (answer.questions, answer.responseCode) = ([], 1)
        #expect(try asked.answer(answer.octets()) == answer)
    }

    @Test(
        "what belongs to another query is refused",
        arguments: [
            { $0.id = 0xBEEE }, { $0.isQuery = true }, { $0.operation = 5 }, { $0.questions[0].name = "example.com" },
            { $0.questions[0].type = 28 }, { $0.questions[0].dnsClass = 3 }, { $0.questions = [] },
            { $0.questions += $0.questions },
        ] as [@Sendable (inout DNSMessage) -> Void])
    func refused(spoil: @Sendable (inout DNSMessage) -> Void) throws {
        var answer = answer
        spoil(&answer)
        let octets = try answer.octets()
        #expect(throws: WireFailure.self) { try asked.answer(octets) }
    }

    @Test("a query that cannot be read is answered with FORMERR, what is no query with nothing")
    func incoming() {
        guard case .query = Incoming(GoodMessages.query) else { return #expect(Bool(false), "no query") }
        guard case .noQuery = Incoming(GoodMessages.answer) else { return #expect(Bool(false), "an answer") }
        for length in 0..<GoodMessages.query.count {
            switch Incoming(Array(GoodMessages.query[..<length])) {
            case .query: #expect(Bool(false), "\(length)")
            case .noQuery: #expect(length < MessageHeader.length)
            case .malformed(let answer, _):
                #expect(answer.prefix(2) == GoodMessages.query.prefix(2) && answer.count == 12)
                #expect(answer[2] == 0x81 && answer[3] == 1)
            }
        }
    }
}
