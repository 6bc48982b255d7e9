import FlowModel
import ProxyKernel

/// Whatever comes in datagrams for the server of `reverse:udp`: passed on one by one.
public enum RawUDPLayer {
    public static let registration = DatagramLayer(
        name: "udp", claims: { target(of: $0) != nil }, remembers: true,
        start: { association in
            Conversation.begin(on: association, to: target(of: association.mode.kind) ?? Address(host: "", port: 0))
        })

    private static func target(of mode: ModeKind) -> Address? {
        if case .reverse(.udp, let server) = mode { server } else { nil }
    }
}
