import FlowModel

extension Headers {
    /// The fields that frame, route, authenticate or describe a message and so come too late in its trailers (RFC 9110 6.5.1).
    ///
    /// A recipient that merges trailers into the head would otherwise obey a line that nobody checked.
    private static let forbiddenInTrailers = [
        // Framing and the connection.
        "transfer-encoding", "content-length", "trailer", "te", "connection", "keep-alive", "proxy-connection", "upgrade",
        // Routing and request modifiers.
        "host", "cache-control", "expect", "max-forwards", "pragma", "range", "if-match", "if-none-match", "if-modified-since",
        "if-unmodified-since", "if-range",
        // Credentials and cookies.
        "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "cookie", "set-cookie",
        // How the content is to be read.
        "content-encoding", "content-type", "content-range",
    ]

    /// Removes what may not stand in a trailer section.
    public mutating func removeForbiddenTrailers() {
        for name in Self.forbiddenInTrailers { remove(named: name) }
    }
}
