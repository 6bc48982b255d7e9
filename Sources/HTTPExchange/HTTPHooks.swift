import FlowModel
import ProxyKernel
import Schema

/// Carries an HTTP flow.
public struct FlowEvent: HookPayload {
    public var boxed: Boxed<HTTPFlow>
    public let bodies: FlowBodies?

    public init(_ flow: HTTPFlow, bodies: FlowBodies? = nil) { self.init(Boxed(flow), bodies: bodies) }

    /// Shares the flow with whoever holds it.
    init(_ flow: Boxed<HTTPFlow>, bodies: FlowBodies? = nil) {
        boxed = flow
        self.bodies = bodies
    }

    public var http: HTTPFlow {
        unsafeAddress { boxed.address }
        unsafeMutableAddress { boxed.mutableAddress }
    }

    public static func == (left: FlowEvent, right: FlowEvent) -> Bool { left.boxed == right.boxed }

    public var flow: HTTPFlow? {
        get { http }
        set { if let newValue { http = newValue } }
    }

    public var anyFlow: AnyFlow? { .http(boxed) }

    public static let name = "FlowEvent"
    public static let doc = "Carries an HTTP flow."
    public static let blank = FlowEvent(.blank)
    public static let fields: [Field<FlowEvent>] = [Field("flow", \.boxed, "The flow's state.")]
}

/// The events of an HTTP flow.
public struct HTTPHooks: HookTable {
    public let connect = Hook<FlowEvent>(
        "http_connect", "A CONNECT request came. A response other than 2xx refuses; `request.host` and `port` redirect.")
    public let connected = Hook<FlowEvent>("http_connected", "The CONNECT request was granted.")
    public let connectError = Hook<FlowEvent>("http_connect_error", "The CONNECT request was refused or failed.")
    public let connectUpstream = Hook<FlowEvent>(
        "http_connect_upstream", "The upstream proxy is about to be sent CONNECT. `request.headers` may be changed.")
    public let requestheaders = Hook<FlowEvent>("requestheaders", "A request's head was read. Always the first event of a flow.")
    public let request = Hook<FlowEvent>(
        "request",
        "The request is about to be sent. Its body was read if a listener asked for it. Setting `response` answers without the server."
    )
    public let responseheaders = Hook<FlowEvent>("responseheaders", "A response's head was read, or a response was set.")
    public let response = Hook<FlowEvent>(
        "response", "The response is about to be sent to the client. Its body was read if a listener asked for it.")
    public let error = Hook<FlowEvent>(
        "error", "The flow ended before its time; `error` says why. Nothing on the wire can be changed.")

    public init() {}
    public static let table = HTTPHooks()
}
