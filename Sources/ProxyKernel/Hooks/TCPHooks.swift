import FlowModel
import Schema

/// Carries a TCP flow.
package struct TCPFlowEvent: HookPayload {
    @Boxed package var carried: TCPFlow

    package init(_ flow: TCPFlow) { _carried = Boxed(wrappedValue: flow) }

    package var anyFlow: AnyFlow? { .tcp(carried) }

    package static let name = "TCPFlowEvent"
    package static let doc = "Carries a TCP flow."
    package static let blank = TCPFlowEvent(.blank)
    package static let fields: [Field<TCPFlowEvent>] = [Field("flow", \._carried, "The flow's state.")]
}

/// The events of TCP flow.
package struct TCPHooks: HookTable {
    package let start = Hook<TCPFlowEvent>(
        "tcp_start", "A raw TCP connection begins. Fired for saved flows; no protocol fires it live yet.")
    package let message = Hook<TCPFlowEvent>(
        "tcp_message",
        "A piece of the stream came: the last of `messages`, whose content may be changed; empty, it is not passed on. Fired for saved flows; no protocol fires it live yet."
    )
    package let end = Hook<TCPFlowEvent>(
        "tcp_end", "Both sides have closed. Fired for saved flows; no protocol fires it live yet.")
    package let error = Hook<TCPFlowEvent>(
        "tcp_error",
        "The connection ended before its time; `error` says why. It takes the place of `tcp_end`. Fired for saved flows; no protocol fires it live yet."
    )

    package init() {}
    package static let table = TCPHooks()
}
