import FlowModel
import ProxyKernel

/// A protocol that may take the place of HTTP after a 101, on both sides.
public struct UpgradeLayer: Sendable {
    public let name: String
    /// Whether the exchange's request and response lead to it.
    public let claims: @Sendable (HTTPFlow) -> Bool
    /// Changes a request as it goes to the server, so that what follows can be followed by us.
    public let prepare: @Sendable (inout Request, isolated Session) -> Void
    /// Notes in a flow that is claimed what follows, for its *response*.
    public let announce: @Sendable (inout HTTPFlow, isolated Session) -> Void
    /// Speaks it until its end. `Exchange.flow` may be changed meanwhile; the flow is recorded afterwards.
    public let run: @Sendable (Exchange, Upgrade, isolated Session) async -> Void

    public init(
        name: String, claims: @escaping @Sendable (HTTPFlow) -> Bool,
        prepare: @escaping @Sendable (inout Request, isolated Session) -> Void = { _, _ in },
        announce: @escaping @Sendable (inout HTTPFlow, isolated Session) -> Void = { _, _ in },
        run: @escaping @Sendable (Exchange, Upgrade, isolated Session) async -> Void
    ) {
        self.name = name
        self.claims = claims
        self.prepare = prepare
        self.announce = announce
        self.run = run
    }
}

/// Both sides of an exchange that has left HTTP.
public struct Upgrade {
    public let client: TunnelEnd
    public let server: TunnelEnd
}
