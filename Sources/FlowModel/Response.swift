import Schema

/// A response as addons see it.
public struct Response: Record {
    public var httpVersion = ByteString.http11
    public var headers = Headers()
    public var content: Content = .bytes(.init())
    public var trailers: Headers?
    public var timestampStart: Double = 0
    public var timestampEnd: Double?
    public var statusCode = 200
    public var reason = ByteString()
    /// The body goes as it comes and is never held. No part of the state, as in mitmproxy.
    public var isStreamed = false

    public init() {}

    /// One whose body is still on its way.
    public init(httpVersion: ByteString, statusCode: Int, reason: ByteString, headers: Headers, timestampStart: Double) {
        self.httpVersion = httpVersion
        self.headers = headers
        content = .omitted(nil)
        self.timestampStart = timestampStart
        self.statusCode = statusCode
        self.reason = reason
    }

    public static let name = "Response"
    public static let doc = "An HTTP response. A worker that makes one needs no member but `status_code`."
    public static let blank = Response()
    public static let fields: [Field<Response>] = [
        Field("http_version", \.httpVersion, .readOnly, "`HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`."),
        Field("headers", \.headers, "The header section, in order, with duplicates; framing fields are the proxy's."),
        Field("content", \.content, "The body, with its content codings."),
        Field("trailers", \.trailers, "The trailer section, or null."),
        Field("timestamp_start", \.timestampStart, .readOnly, "When the first byte came; seconds since 1970, UTC."),
        Field("timestamp_end", \.timestampEnd, .readOnly, "When the last byte came, or null."),
        Field(
            "status_code", \.statusCode,
            refuse: { (200...999).contains($0) || $0 == 101 ? nil : "not a final status (200 to 999)" },
            "The status code."),
        Field(
            "reason", \.reason,
            refuse: { $0.bytes.allSatisfy(\.isFieldValueCharacter) ? nil : "a control character in the reason" },
            "The reason phrase."),
        Field(
            "stream", \.isStreamed, .writeOnly,
            "In *responseheaders*: the body goes as it comes and is never held, whoever wants it whole."),
    ]
}
