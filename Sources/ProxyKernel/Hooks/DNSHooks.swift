import FlowModel
import Schema

/// Carries a DNS flow.
public struct DNSFlowEvent: HookPayload {
    @Boxed public var carried: DNSFlow

    public init(_ flow: DNSFlow) { _carried = Boxed(flow) }

    public var anyFlow: AnyFlow? { .dns(carried) }

    public static let name = "DNSFlowEvent"
    public static let doc = "Carries a DNS flow."
    public static let blank = DNSFlowEvent(.blank)
    public static let fields: [Field<DNSFlowEvent>] = [Field("flow", \._carried, "The flow's state.")]
}

/// The events of a DNS flow.
public struct DNSHooks: HookTable {
    public let request = Hook<DNSFlowEvent>(
        "dns_request",
        "A query came. Setting `response` answers without the server, setting `error` with SERVFAIL.")
    public let response = Hook<DNSFlowEvent>(
        "dns_response", "The answer is about to be sent to the client. Null in `response` sends none.")
    public let error = Hook<DNSFlowEvent>(
        "dns_error", "The query failed; `error` says why. The client has got SERVFAIL, or nothing if the flow was killed.")

    public init() {}
    public static let table = DNSHooks()
}
