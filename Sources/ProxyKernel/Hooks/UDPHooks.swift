import FlowModel
import Schema

/// Carries a UDP flow.
package struct UDPFlowEvent: HookPayload {
    @Boxed package var carried: UDPFlow

    package init(_ flow: UDPFlow) { _carried = Boxed(wrappedValue: flow) }

    package var anyFlow: AnyFlow? { .udp(carried) }

    package static let name = "UDPFlowEvent"
    package static let doc = "Carries a UDP flow."
    package static let blank = UDPFlowEvent(.blank)
    package static let fields: [Field<UDPFlowEvent>] = [Field("flow", \._carried, "The flow's state.")]
}

/// The events of UDP flow.
package struct UDPHooks: HookTable {
    package let start = Hook<UDPFlowEvent>(
        "udp_start", "The first datagram between two addresses came. Fired for saved flows; no protocol fires it live yet.")
    package let message = Hook<UDPFlowEvent>(
        "udp_message",
        "A datagram came: the last of `messages`, whose content may be changed; empty, it is not passed on. Fired for saved flows; no protocol fires it live yet."
    )
    package let end = Hook<UDPFlowEvent>(
        "udp_end", "No datagram came for a while. Fired for saved flows; no protocol fires it live yet.")
    package let error = Hook<UDPFlowEvent>(
        "udp_error",
        "The flow ended before its time; `error` says why. It takes the place of `udp_end`. Fired for saved flows; no protocol fires it live yet."
    )

    package init() {}
    package static let table = UDPHooks()
}
