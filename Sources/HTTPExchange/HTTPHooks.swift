import FlowModel
import ProxyKernel
import Schema

/// Carries an HTTP flow.
package struct FlowEvent: HookPayload {
    @usableFromInline package var boxed: Boxed<HTTPFlow>
    package let bodies: FlowBodies?

    package init(_ flow: HTTPFlow, bodies: FlowBodies? = nil) { self.init(Boxed(wrappedValue: flow), bodies: bodies) }

    /// Shares the flow with whoever holds it.
    init(_ flow: Boxed<HTTPFlow>, bodies: FlowBodies? = nil) {
        boxed = flow
        self.bodies = bodies
    }

    @inlinable package var http: HTTPFlow {
        _read { yield boxed.wrappedValue }
        _modify { yield &boxed.wrappedValue }
    }

    package static func == (left: FlowEvent, right: FlowEvent) -> Bool { left.boxed == right.boxed }

    package var flow: HTTPFlow? {
        get { http }
        set { if let newValue { http = newValue } }
    }

    package static let name = "FlowEvent"
    package static let doc = "Carries an HTTP flow."
    package static let blank = FlowEvent(.blank)
    package static let fields: [Field<FlowEvent>] = [Field("flow", \.boxed, "The flow's state.")]
}

/// The events of an HTTP flow.
package struct HTTPHooks: HookTable {
    package let connect = Hook<FlowEvent>(
        "http_connect", "A CONNECT request came. A response other than 2xx refuses; `request.host` and `port` redirect.")
    package let connected = Hook<FlowEvent>("http_connected", "The CONNECT request was granted.")
    package let connectError = Hook<FlowEvent>("http_connect_error", "The CONNECT request was refused or failed.")
    package let connectUpstream = Hook<FlowEvent>(
        "http_connect_upstream", "The upstream proxy is about to be sent CONNECT. `request.headers` may be changed.")
    package let requestheaders = Hook<FlowEvent>("requestheaders", "A request's head was read. Always the first event of a flow.")
    package let request = Hook<FlowEvent>(
        "request",
        "The request is about to be sent. Its body was read if a listener asked for it. Setting `response` answers without the server."
    )
    package let responseheaders = Hook<FlowEvent>("responseheaders", "A response's head was read, or a response was set.")
    package let response = Hook<FlowEvent>(
        "response", "The response is about to be sent to the client. Its body was read if a listener asked for it.")
    package let error = Hook<FlowEvent>(
        "error", "The flow ended before its time; `error` says why. Nothing on the wire can be changed.")

    package init() {}
    package static let table = HTTPHooks()
}
