import NIOCore
import ProxyKernel

/// Whatever is neither TLS nor HTTP, inside a tunnel: passed on as it comes.
package enum RawTCPLayer {
    package static let registration = ProtocolLayer(
        name: "tcp",
        claims: { if case .raw = $0 { true } else { false } },
        start: { session, bytes in session.tell { await session.relay(bytes) } })

    /// What is to be left alone: no flow, no events.
    package static let passthrough = ProtocolLayer(
        name: "ignore",
        claims: { if case .passthrough = $0 { true } else { false } },
        start: { session, bytes in session.tell { await session.relay(bytes) } })
}
