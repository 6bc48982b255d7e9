import Schema

/// What carries the messages of a `TransportFlow`. The types have no values: they tell the flows of one from those of another.
public protocol MessageTransport: Sendable {
    static var kind: FlowKind { get }
    static var flowName: String { get }
    static var flowDoc: String { get }
    /// Made once: every event goes through the rows.
    static var flowFields: [Field<TransportFlow<Self>>] { get }
    static func any(_ flow: TransportFlow<Self>) -> AnyFlow
}

public enum TCP: MessageTransport {
    public static let kind = FlowKind.tcp
    public static let flowName = "TCPFlow"
    public static let flowDoc = "A TCP connection through the proxy."
    public static let flowFields = TransportFlow<TCP>.rows
    public static func any(_ flow: TransportFlow<TCP>) -> AnyFlow { .tcp(flow) }
}

public enum UDP: MessageTransport {
    public static let kind = FlowKind.udp
    public static let flowName = "UDPFlow"
    public static let flowDoc = "The datagrams between two addresses."
    public static let flowFields = TransportFlow<UDP>.rows
    public static func any(_ flow: TransportFlow<UDP>) -> AnyFlow { .udp(flow) }
}

public typealias TCPFlow = TransportFlow<TCP>
public typealias UDPFlow = TransportFlow<UDP>
