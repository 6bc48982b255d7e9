import Schema

/// A request as addons see it.
public struct Request: Record {
    public var httpVersion = ByteString.http11
    public var headers = Headers()
    public var content: Content = .missing
    public var trailers: Headers?
    public var timestampStart: Double = 0
    public var timestampEnd: Double?
    public var host = ""
    public var port = 0
    public var method = ByteString.get
    public var scheme = ByteString.http
    public var authority = ByteString()
    public var path = ByteString.slash
    /// The body goes as it comes and is never held. No part of the state, as in mitmproxy.
    public var isStreamed = false
    /// The Host field stays as it is wherever the request goes. No part of the state.
    public var keepsHost = false
    /// The way to the server. No part of the state: `server_conn.via` tells how it went.
    public var via = UpstreamChoice.asMode

    public init() {}

    public static let name = "Request"
    public static let doc = "An HTTP request."
    public static let blank = Request()
    public static let fields: [Field<Request>] = [
        Field("http_version", \.httpVersion, .readOnly, "`HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`."),
        Field("headers", \.headers, "The header section, in order, with duplicates; framing fields are the proxy's."),
        Field("content", \.content, "The body, with its content codings."),
        Field("trailers", \.trailers, "The trailer section, or null."),
        Field("timestamp_start", \.timestampStart, .readOnly, "When the first byte came; seconds since 1970, UTC."),
        Field("timestamp_end", \.timestampEnd, .readOnly, "When the last byte came, or null."),
        Field(
            "host", \.host, refuse: { $0.isEmpty || !$0.utf8.allSatisfy(isTargetOctet) ? "not a host" : nil },
            "The host to send to."),
        Field("port", \.port, refuse: { (1...65535).contains($0) ? nil : "not a port" }, "The port to send to."),
        Field("method", \.method, refuse: { Headers.isName($0) ? nil : "not a method (RFC 9110 9.1)" }, "The method."),
        Field("scheme", \.scheme, refuse: { $0 == "http" || $0 == "https" ? nil : "not http or https" }, "`http` or `https`."),
        Field(
            "authority", \.authority, refuse: { $0.bytes.allSatisfy(isTargetOctet) ? nil : "not an authority" },
            "The request target's authority, if it had one."),
        Field(
            "path", \.path, refuse: { !$0.isEmpty && $0.bytes.allSatisfy(isTargetOctet) ? nil : "not a path" },
            "The path with the query; `*` for the whole server."),
        Field(
            "stream", \.isStreamed, .writeOnly,
            "In *requestheaders*: the body goes as it comes and is never held, whoever wants it whole."),
        Field(
            "keep_host", \.keepsHost, .writeOnly,
            "In *request*: Host and `authority` are meant as they are; else they follow `host` and `port` where these alone are changed."
        ),
        Field(
            "via", \.via, .writeOnly,
            "Until *request*: the upstream proxy to send it by, as `[\"http\", [host, port]]` or with `https`; null sends it straight."
        ),
    ]

    /// What may stand in a request target: no control characters, no space.
    private static let isTargetOctet: @Sendable (UInt8) -> Bool = { $0 > 0x20 && $0 != 0x7F }

    /// The host as the Host field has it, without a port; `host` if there is none.
    public var prettyHost: String {
        guard let field = hostHeader?.string, !field.isEmpty else { return host }
        let end = field.hasPrefix("[") ? field.lastIndex(of: "]") : field.lastIndex(of: ":")
        return field[..<(end ?? field.endIndex)].filter { $0 != "[" && $0 != "]" }
    }

    /// `scheme://host[:port]path`, the port left out if it is the scheme's own.
    public var url: String {
        if method.isExactly("CONNECT") { return Address(host: host, port: port).description }
        let isDefault = port == (scheme.isExactly("https") ? 443 : 80)
        let bracketed = host.contains(":") ? "[\(host)]" : host
        return "\(scheme)://\(bracketed)\(isDefault ? "" : ":\(port)")\(path.isExactly("*") ? "" : path.string)"
    }
}
