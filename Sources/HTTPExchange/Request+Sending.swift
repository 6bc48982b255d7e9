import FlowModel

extension Request {
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
