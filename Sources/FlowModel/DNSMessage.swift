import Schema

/// A DNS message (RFC 1035, 4), its numbers as they stand on the wire.
package struct DNSMessage: Record {
    package var timestamp: Double?
    package var id = 0
    package var isQuery = true
    package var operation = 0
    package var isAuthoritative = false
    package var isTruncated = false
    package var recursionIsDesired = false
    package var recursionIsAvailable = false
    package var reserved = 0
    package var responseCode = 0
    package var questions: [DNSQuestion] = []
    package var answers: [DNSResource] = []
    package var authorities: [DNSResource] = []
    package var additionals: [DNSResource] = []

    package init() {}

    package static let name = "DNSMessage"
    package static let doc = "A DNS message (RFC 1035)."
    package static let blank = DNSMessage()
    package static let fields: [Field<DNSMessage>] = [
        Field("timestamp", \.timestamp, .readOnly, "When it came; seconds since 1970, UTC."),
        Field("id", \.id, refuse: { (0...0xFFFF).contains($0) ? nil : "not 16 bits" }, "The query's identifier."),
        Field("query", \.isQuery, "True for a query, false for an answer."),
        Field(
            "op_code", \.operation, refuse: { (0...15).contains($0) ? nil : "not 4 bits" }, "The kind of query; 0 is the usual."),
        Field("authoritative_answer", \.isAuthoritative, "The server is responsible for the name."),
        Field("truncation", \.isTruncated, "The message was cut off."),
        Field("recursion_desired", \.recursionIsDesired, "The client wants the server to ask others."),
        Field("recursion_available", \.recursionIsAvailable, "The server would do that."),
        Field("reserved", \.reserved, refuse: { (0...7).contains($0) ? nil : "not 3 bits" }, "The three reserved bits."),
        Field(
            "response_code", \.responseCode, refuse: { (0...15).contains($0) ? nil : "not 4 bits" },
            "0 for success, 3 for no such name."),
        Field("questions", \.questions, "What is asked."),
        Field("answers", \.answers, "The answers."),
        Field("authorities", \.authorities, "The servers that are responsible."),
        Field("additionals", \.additionals, "Further records."),
    ]
}

/// What a DNS message asks.
package struct DNSQuestion: Record {
    package var name = ""
    package var type = 1
    package var dnsClass = 1

    package init() {}

    package static let name = "DNSQuestion"
    package static let doc = "What a DNS message asks."
    package static let blank = DNSQuestion()
    package static let fields: [Field<DNSQuestion>] = [
        Field("name", \.name, "The name, without the last dot."),
        Field("type", \.type, refuse: { (0...0xFFFF).contains($0) ? nil : "not 16 bits" }, "The type's number; 1 is A."),
        Field("class_", \.dnsClass, refuse: { (0...0xFFFF).contains($0) ? nil : "not 16 bits" }, "The class's number; 1 is IN."),
    ]
}

/// A resource record of a DNS message.
package struct DNSResource: Record {
    package var name = ""
    package var type = 1
    package var dnsClass = 1
    package var timeToLive = 60
    package var data: ByteString = ""

    package init() {}

    package static let name = "DNSResource"
    package static let doc = "A resource record of a DNS message."
    package static let blank = DNSResource()
    package static let fields: [Field<DNSResource>] = [
        Field("name", \.name, "The name, without the last dot."),
        Field("type", \.type, refuse: { (0...0xFFFF).contains($0) ? nil : "not 16 bits" }, "The type's number; 1 is A."),
        Field("class_", \.dnsClass, refuse: { (0...0xFFFF).contains($0) ? nil : "not 16 bits" }, "The class's number; 1 is IN."),
        Field(
            "ttl", \.timeToLive, refuse: { (0...0xFFFF_FFFF).contains($0) ? nil : "not 32 bits" }, "Seconds that it may be kept."),
        Field("data", \.data, "The data, as on the wire."),
    ]
}
