import Schema

/// What carries the messages of a `TransportFlow`. The types have no values: they tell the flows of one from those of another.
package protocol MessageTransport: Sendable {
    static var kind: FlowKind { get }
    static var flowName: String { get }
    static var flowDoc: String { get }
    /// Made once: every event goes through the rows.
    static var flowFields: [Field<TransportFlow<Self>>] { get }
    static func any(_ flow: TransportFlow<Self>) -> AnyFlow
}

package enum TCP: MessageTransport {
    package static let kind = FlowKind.tcp
    package static let flowName = "TCPFlow"
    package static let flowDoc = "A TCP connection through the proxy."
    package static let flowFields = TransportFlow<TCP>.rows
    package static func any(_ flow: TransportFlow<TCP>) -> AnyFlow { .tcp(flow) }
}

package enum UDP: MessageTransport {
    package static let kind = FlowKind.udp
    package static let flowName = "UDPFlow"
    package static let flowDoc = "The datagrams between two addresses."
    package static let flowFields = TransportFlow<UDP>.rows
    package static func any(_ flow: TransportFlow<UDP>) -> AnyFlow { .udp(flow) }
}

package typealias TCPFlow = TransportFlow<TCP>
package typealias UDPFlow = TransportFlow<UDP>
