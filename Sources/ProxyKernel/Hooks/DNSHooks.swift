import FlowModel
import Schema

/// Carries a DNS flow.
package struct DNSFlowEvent: HookPayload {
    @Boxed package var carried: DNSFlow

    package init(_ flow: DNSFlow) { _carried = Boxed(wrappedValue: flow) }

    package var anyFlow: AnyFlow? { .dns(carried) }

    package static let name = "DNSFlowEvent"
    package static let doc = "Carries a DNS flow."
    package static let blank = DNSFlowEvent(.blank)
    package static let fields: [Field<DNSFlowEvent>] = [Field("flow", \._carried, "The flow's state.")]
}

/// The events of a DNS flow.
package struct DNSHooks: HookTable {
    package let request = Hook<DNSFlowEvent>(
        "dns_request",
        "A query came. Setting `response` answers without the server, setting `error` with SERVFAIL.")
    package let response = Hook<DNSFlowEvent>(
        "dns_response", "The answer is about to be sent to the client. Null in `response` sends none.")
    package let error = Hook<DNSFlowEvent>(
        "dns_error", "The query failed; `error` says why. The client has got SERVFAIL, or nothing if the flow was killed.")

    package init() {}
    package static let table = DNSHooks()
}
