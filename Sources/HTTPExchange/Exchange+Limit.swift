import ProxyKernel
import Schema

extension Exchange {
    /// Ends a body that is longer than `body_size_limit`: at once if its head says so, else when it is.
    func bound(
        _ body: BodyPipe, _ length: BodyLength, of whom: String, fault: ProxyFailure.Fault, on session: isolated Session
    ) throws(ProxyFailure) {
        guard let limit = session.services.bodySizeLimit else { return }
        let failure = ProxyFailure(
            .limit, fault: fault, "the body of \(whom) is larger than the \(limit) bytes that body_size_limit lets through")
        // It may have come already, as a whole.
        if max(length.count ?? 0, body.size) > limit { throw failure }
        body.bound(limit, failure)
    }
}
