import Schema

/// A DNS message (RFC 1035, 4), its numbers as they stand on the wire.
public struct DNSMessage: Record {
    public var timestamp: Double?
    public var id = 0
    public var isQuery = true
    public var operation = 0
    public var isAuthoritative = false
    public var isTruncated = false
    public var recursionIsDesired = false
    public var recursionIsAvailable = false
    public var reserved = 0
    public var responseCode = 0
    public var questions: [DNSQuestion] = []
    public var answers: [DNSResource] = []
    public var authorities: [DNSResource] = []
    public var additionals: [DNSResource] = []

    public init() {}

    public static let name = "DNSMessage"
    public static let doc = "A DNS message (RFC 1035)."
    public static let blank = DNSMessage()
    public static let fields: [Field<DNSMessage>] = [
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
public struct DNSQuestion: Record {
    public var name = ""
    public var type = 1
    public var dnsClass = 1

    public init() {}

    public static let name = "DNSQuestion"
    public static let doc = "What a DNS message asks."
    public static let blank = DNSQuestion()
    public static let fields: [Field<DNSQuestion>] = [
        Field("name", \.name, "The name, without the last dot."),
        Field("type", \.type, refuse: { (0...0xFFFF).contains($0) ? nil : "not 16 bits" }, "The type's number; 1 is A."),
        Field("class_", \.dnsClass, refuse: { (0...0xFFFF).contains($0) ? nil : "not 16 bits" }, "The class's number; 1 is IN."),
    ]
}

/// A resource record of a DNS message.
public struct DNSResource: Record {
    public var name = ""
    public var type = 1
    public var dnsClass = 1
    public var timeToLive = 60
    public var data: ByteString = ""

    public init() {}

    public static let name = "DNSResource"
    public static let doc = "A resource record of a DNS message."
    public static let blank = DNSResource()
    public static let fields: [Field<DNSResource>] = [
        Field("name", \.name, "The name, without the last dot."),
        Field("type", \.type, refuse: { (0...0xFFFF).contains($0) ? nil : "not 16 bits" }, "The type's number; 1 is A."),
        Field("class_", \.dnsClass, refuse: { (0...0xFFFF).contains($0) ? nil : "not 16 bits" }, "The class's number; 1 is IN."),
        Field(
            "ttl", \.timeToLive, refuse: { (0...0xFFFF_FFFF).contains($0) ? nil : "not 32 bits" }, "Seconds that it may be kept."),
        Field("data", \.data, "The data, as on the wire."),
    ]
}
