/// The protocol family of a flow, as filter expressions tell flows apart.
package enum FlowKind: String, Sendable, CaseIterable {
    case http, tcp, udp, dns
}
