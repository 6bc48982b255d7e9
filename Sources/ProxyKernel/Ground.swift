import FlowModel

/// What a session knows of where it stands: how the client reached us and where its messages go.
package struct Ground: Sendable {
    package var mode: ModeSpec
    /// Where everything goes: the reverse mode's server, or the target of CONNECT. Nil if each request names its own.
    package var target: Address?
    /// Whether the server is spoken to over TLS, if `target` is set.
    package var targetUsesTLS = false
    /// Inside a CONNECT tunnel.
    package var isTunnel = false
    /// The client speaks TLS to us.
    package var clientUsesTLS = false
    /// The server name that the client asked for in TLS.
    package var serverName: String?
    /// The connection made before any request, if any.
    package var eagerServer: ServerKey?
    /// Why the connection that should have been made before any request could not be.
    package var eagerFailure: ProxyFailure?

    package init(mode: ModeSpec) {
        self.mode = mode
        if case .reverse(let tls, let server) = mode.kind {
            target = server
            targetUsesTLS = tls
        }
    }
}

/// What makes two connections to servers interchangeable.
package struct ServerKey: Sendable, Hashable {
    package var address: Address
    package var tls: Bool
    package var serverName: String?

    package init(address: Address, tls: Bool, serverName: String?) {
        self.address = address
        self.tls = tls
        self.serverName = serverName
    }
}
