import FlowModel
import NIOCore
import ProxyKernel
import Schema
import Synchronization

/// DNS over UDP and TCP: the modes `dns` and `reverse:dns`.
public final class DNSLayer: Sendable {
    /// Whom mode `dns` asks, and what it knows itself.
    private let ownSource: AnswerSource
    private let underWay = Atomic(0)

    public init(nameServers: [Address], hosts: HostsFile?) { ownSource = AnswerSource(servers: nameServers, hosts: hosts) }

    public var streams: ProtocolLayer {
        ProtocolLayer(
            name: Self.name, claims: { if case .dns = $0 { true } else { false } },
            start: { session, bytes in StreamClient(layer: self).begin(on: session, bytes) })
    }

    public var datagrams: DatagramLayer {
        DatagramLayer(name: nil, claims: Self.serves, remembers: false, start: { _ in DatagramClient(layer: self) })
    }

    private static let name = FlowKind.dns.rawValue

    private static let serves: @Sendable (ModeKind) -> Bool = {
        switch $0 {
        case .dns, .reverse(.dns, _): true
        default: false
        }
    }

    func source(for mode: ModeKind) -> AnswerSource {
        guard case .reverse(_, let server) = mode else { return ownSource }
        return AnswerSource(servers: [server], hosts: nil)
    }

    /// Where the client of a stream has chosen its server, that one is asked.
    func source(for ground: Ground) -> AnswerSource {
        ground.target.map { AnswerSource(servers: [$0], hosts: nil) } ?? source(for: ground.mode.kind)
    }

    // MARK: The bound of queries

    /// Takes a place for a query; false if there is none.
    func beginQuery(_ services: Services) -> Bool {
        let bound = services.settings[DNSOptions.table.queries]
        let count = underWay.add(1, ordering: .relaxed).newValue
        guard count > bound else { return true }
        underWay.subtract(1, ordering: .relaxed)
        return false
    }

    func endQuery() { underWay.subtract(1, ordering: .relaxed) }

    static func full(_ services: Services) -> String {
        let option = DNSOptions.table.queries
        return "a query is answered with SERVFAIL: \(services.settings[option]) are under way (\(option.name))"
    }
}
