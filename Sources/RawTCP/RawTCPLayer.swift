import NIOCore
import ProxyKernel

/// Whatever is neither TLS nor HTTP, inside a tunnel or where the mode says so: a flow of messages.
public enum RawTCPLayer {
    public static let registration = ProtocolLayer(
        name: "tcp",
        claims: { if case .raw = $0 { true } else { false } },
        start: { session, bytes in
            TCPTunnel(session).start(bytes, on: session)
        })

    /// What the operator wants to be left alone: no flow, no events.
    public static let passthrough = ProtocolLayer(
        name: "ignore",
        claims: { if case .passthrough = $0 { true } else { false } },
        start: { session, bytes in session.relay(bytes) })
}
