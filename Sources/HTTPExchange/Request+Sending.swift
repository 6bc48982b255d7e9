import FlowModel

extension Request {
    /// The Host field that names this request's host and port.
    package var hostField: String {
        let bracketed = host.contains(":") ? "[\(host)]" : host
        return port == (scheme == "https" ? 443 : 80) ? bracketed : "\(bracketed):\(port)"
    }

    /// Idempotent by its method (RFC 9110 9.2.2), and whole: a body that was passed on cannot be sent again.
    var isSafeToRepeat: Bool {
        guard !content.isOmitted else { return false }
        return ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"].contains(method.string)
    }
}

extension Optional where Wrapped == Headers {
    /// There are trailers to be sent, which only the chunked coding can carry.
    var isPresent: Bool { self.map { !$0.isEmpty } ?? false }
}
