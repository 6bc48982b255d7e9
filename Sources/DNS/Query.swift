import FlowModel

/// What a client sent, as far as it can be read.
enum Incoming {
    case query(DNSMessage)
    /// A query that cannot be read; `answer` tells the client so.
    case malformed(answer: [UInt8], note: String)
    /// Nothing that could be answered.
    case noQuery(note: String)

    init(_ octets: [UInt8]) {
        guard let header = MessageHeader(of: octets) else {
            self = .noQuery(note: "\(octets.count) octets are no DNS message")
            return
        }
        // An answer to an answer might go on for ever.
        guard header.isQuery else {
            self = .noQuery(note: "an answer came where a query was expected")
            return
        }
        do throws(WireFailure) {
            self = .query(try DNSMessage(octets: octets))
        } catch {
            var empty = DNSMessage()
            (empty.id, empty.flags) = (header.id, header.flags)
            let answer = try? empty.failed(.formatError).octets()
            self = .malformed(answer: answer ?? [], note: "a query that cannot be read: \(error)")
        }
    }
}

/// A query as it is sent to a server, and what its answer must be like (RFC 5452 9.1).
struct Query: Sendable {
    /// Drawn at random for each server that is asked.
    let id: Int
    let octets: [UInt8]
    private let operation: Int
    private let questions: [DNSQuestion]

    /// `octets` are the message's own, with any id.
    init(_ message: DNSMessage, octets: [UInt8], id: Int) {
        self.id = id
        var octets = octets
        MessageHeader.replaceID(in: &octets, with: id)
        self.octets = octets
        operation = message.operation
        questions = message.questions
    }

    /// The answer that these octets are to the query; the refusal says why they are none.
    func answer(_ octets: [UInt8]) throws(WireFailure) -> DNSMessage {
        let message = try DNSMessage(octets: octets)
        guard !message.isQuery, message.id == id, message.operation == operation else {
            throw WireFailure("it belongs to another query")
        }
        // Who could not read the query may leave its question out.
        if message.questions.isEmpty, message.responseCode != 0 { return message }
        guard message.questions.count == questions.count, zip(message.questions, questions).allSatisfy(Self.areSame) else {
            throw WireFailure("it answers another question")
        }
        return message
    }

    private static func areSame(_ one: DNSQuestion, _ other: DNSQuestion) -> Bool {
        guard one.type == other.type, one.dnsClass == other.dnsClass, let name = try? DomainName(text: one.name),
            let otherName = try? DomainName(text: other.name)
        else { return false }
        return name.isSame(as: otherName)
    }
}

/// A server's answer.
struct Reply: Sendable {
    let message: DNSMessage
    let octets: [UInt8]
    let server: Frozen<Server>
}
