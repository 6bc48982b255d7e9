import Schema

/// The protocol family of a flow, as filter expressions tell flows apart.
public enum FlowKind: String, Sendable, CaseIterable {
    case http, tcp, udp, dns
}

extension FlowKind {
    /// The rows of a state of this type.
    public var record: RecordShape {
        switch self {
        case .http: HTTPFlow.recordShape
        case .tcp: TCPFlow.recordShape
        case .udp: UDPFlow.recordShape
        case .dns: DNSFlow.recordShape
        }
    }
}
