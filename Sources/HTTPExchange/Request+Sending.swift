import FlowModel
import ProxyKernel
import Schema

extension Request {
    /// Reverse mode: the server is spoken to by its own name, unless the operator wants the client's to be kept.
    public mutating func nameServer(on session: isolated Session) {
        guard session.isReverse, !session.present.keepsHostHeader else { return }
        let name = session.hostField(of: self)
        // HTTP/2 has the authority, and a Host field only if the client insists.
        let isHTTP2 = isHTTP2
        if isHTTP2 { authority = name }
        if !isHTTP2 || headers.contains("Host") { headers.set("Host", name) }
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
