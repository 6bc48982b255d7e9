import ProxyKernel

/// SOCKS 5: clients name their server, then speak to it through a tunnel.
public enum SOCKSLayer {
    /// `demandsCredentials` refuses clients that have no name and password.
    public static func registration(demandsCredentials: Bool) -> ProtocolLayer {
        ProtocolLayer(
            name: "socks5",
            claims: { if case .socks = $0 { true } else { false } },
            start: { session, bytes in
                let wants = session.hooks.hasListeners(SOCKSHooks.table.auth)
                let handler = SOCKSHandler(SOCKSServer(demandsCredentials: demandsCredentials, wantsCredentials: wants))
                session.client.consumer = handler
                handler.received(bytes, on: session)
            })
    }
}
