import FlowModel

/// What fits into a datagram.
extension DNSMessage {
    /// The type of the record in which EDNS says what its sender can do (RFC 6891 6.1).
    private static let optType = 41
    /// RFC 1035 4.2.1.
    private static let leastDatagram = 512

    /// How many octets of an answer the sender of this query takes in one datagram.
    public var acceptedDatagram: Int {
        let offered = additionals.first { $0.type == Self.optType }?.dnsClass ?? 0
        return max(offered, Self.leastDatagram)
    }

    /// The message as one datagram of at most `limit` octets. One that is larger is sent without its records, but for that of EDNS, and
    /// says that it was cut off (TC): the client then asks over TCP (RFC 2181 9).
    public func datagram(limit: Int) throws(WireFailure) -> [UInt8] {
        let whole = try octets()
        return whole.count <= limit ? whole : try truncated(limit: limit)
    }

    public func truncated(limit: Int) throws(WireFailure) -> [UInt8] {
        var short = self
        short.isTruncated = true
        (short.answers, short.authorities) = ([], [])
        short.additionals = additionals.filter { $0.type == Self.optType }
        for lessen: (inout DNSMessage) -> Void in [{ _ in }, { $0.additionals = [] }, { $0.questions = [] }] {
            lessen(&short)
            let octets = try short.octets()
            if octets.count <= limit { return octets }
        }
        throw WireFailure("an answer that cannot be cut to \(limit) octets")
    }

    /// An answer to this query with nothing in it.
    var answer: DNSMessage {
        var answer = DNSMessage()
        answer.id = id
        answer.isQuery = false
        answer.operation = operation
        answer.recursionIsDesired = recursionIsDesired
        answer.questions = questions
        return answer
    }

    /// The answer with this code and nothing in it.
    public func failed(_ code: DNSResponseCode) -> DNSMessage {
        var answer = answer
        answer.responseCode = code.rawValue
        return answer
    }
}

/// RFC 1035 4.1.1, as far as the proxy itself gives them.
public enum DNSResponseCode: Int, Sendable {
    case formatError = 1
    case serverFailure = 2
}
