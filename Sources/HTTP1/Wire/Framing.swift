import FlowModel

/// How the end of a body is found, decided by RFC 9112 6.3.
public enum Framing: Hashable, Sendable {
    /// There is no body, not even an empty one.
    case none
    /// This many octets follow.
    case length(Int)
    /// Chunks follow, then trailers.
    case chunked
    /// The body ends with the connection; responses only.
    case untilClose

    /// The length of a body that is small enough to leave in one piece with its head; 0 for others.
    var smallLength: Int { if case .length(let length) = self, length <= 2048 { length } else { 0 } }

    /// The framing of a request (RFC 9112 6.3, its steps by number).
    ///
    /// Stricter than the RFC in one point: a message with both fields is refused instead of repaired.
    public static func of(_ head: RequestHead) throws(MessageFailure) -> Framing {
        // Steps 1 and 2 speak of responses.
        if head.headers.contains("Transfer-Encoding") {
            // Step 3.
            if head.headers.contains("Content-Length") { throw .lengthAndTransferEncoding }
            if head.version == .http10 { throw .transferEncodingInHTTP10 }
            // Step 4: without chunked at the end nobody can tell where a request ends.
            guard try isChunked(head.headers) else { throw .chunkedNotLast }
            return .chunked
        }
        // Steps 5 and 6.
        if let length = try contentLength(head.headers) { return .length(length) }
        // Step 7.
        return .none
    }

    /// The framing of a response to a request with that method (RFC 9112 6.3, its steps by number).
    ///
    /// `.none` is also the answer for 101 and for 2xx to CONNECT, behind which another protocol begins.
    public static func of(_ head: ResponseHead, toMethod method: ByteString) throws(MessageFailure) -> Framing {
        // Step 1.
        if method.isExactly("HEAD") || head.status < 200 || head.status == 204 || head.status == 304 { return .none }
        // Step 2: the fields are ignored, as octets of the tunnel follow.
        if method.isExactly("CONNECT"), head.status < 300 { return .none }
        if head.headers.contains("Transfer-Encoding") {
            // Step 3.
            if head.headers.contains("Content-Length") { throw .lengthAndTransferEncoding }
            if head.version == .http10 { throw .transferEncodingInHTTP10 }
            // Step 4.
            return try isChunked(head.headers) ? .chunked : .untilClose
        }
        // Steps 5 and 6.
        if let length = try contentLength(head.headers) { return .length(length) }
        // Step 8.
        return .untilClose
    }

    /// The one value of all Content-Length lines and their list members, nil without any; equal values count as one.
    public static func contentLength(_ headers: Headers) throws(MessageFailure) -> Int? {
        var agreed: Int?
        var from = 0
        while let index = headers.index(of: "Content-Length", from: from) {
            from = index + 1
            if let number = headers.withLine(at: index, { _, value in value.decimal() }) {
                try agree(&agreed, number, headers.value(at: index))
                continue
            }
            let value = headers.value(at: index)
            for member in value.bytes.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
                let digits = member.trimmingOptionalWhitespace()
                guard let number = digits.withUnsafeBytes({ $0.decimal() }) else { throw .badContentLength(value) }
                try agree(&agreed, number, value)
            }
        }
        return agreed
    }

    private static func agree(_ agreed: inout Int?, _ number: Int, _ value: @autoclosure () -> ByteString) throws(MessageFailure)
    {
        guard number < .max else { throw .contentLengthTooLarge(value()) }
        if let agreed, agreed != number { throw .differingContentLengths(agreed, number) }
        agreed = number
    }

    /// True when chunked is the one coding, false when it is absent. Other codings under it are refused: a sender may use them only
    /// towards a peer whose TE asks for them, and forwarding takes those members out of TE.
    private static func isChunked(_ headers: Headers) throws(MessageFailure) -> Bool {
        var codings: [ByteString] = []
        for value in headers.values("Transfer-Encoding") {
            for member in value.bytes.split(separator: UInt8(ascii: ",")) {
                let coding = member.trimmingOptionalWhitespace()
                if coding.isEmpty { continue }
                let name = coding.prefix { $0.isTokenCharacter }
                let rest = coding.dropFirst(name.count).drop(while: \.isOptionalWhitespace)
                guard !name.isEmpty, rest.isEmpty || rest.first == UInt8(ascii: ";"), !coding.contains(UInt8(ascii: "\"")) else {
                    throw .badTransferEncoding(value)
                }
                codings.append(ByteString(coding))
            }
        }
        guard let last = codings.last else { throw .badTransferEncoding("") }
        let chunked = codings.filter { $0.equalsIgnoringCase("chunked") }.count
        if chunked > 1 { throw .chunkedRepeated }
        let isLast = last.equalsIgnoringCase("chunked")
        if chunked == 1, !isLast { throw .chunkedNotLast }
        if let other = codings.first(where: { !$0.equalsIgnoringCase("chunked") }), isLast {
            throw .unknownTransferCoding(other)
        }
        return isLast
    }
}

extension Collection<UInt8> where Self: BidirectionalCollection {
    /// The octets without SP and HTAB at either end.
    func trimmingOptionalWhitespace() -> SubSequence {
        let start = firstIndex { !$0.isOptionalWhitespace } ?? endIndex
        let end = lastIndex { !$0.isOptionalWhitespace }.map(index(after:)) ?? endIndex
        return self[start..<end]
    }
}
