import Schema

/// What went over a transport between two addresses, without a protocol that would be known: the pieces in which it came.
public struct TransportFlow<Carrier: MessageTransport>: FlowRecord {
    public static var kind: FlowKind { Carrier.kind }

    public var version = FlowFormat.version
    public var type = Carrier.kind.rawValue
    public var id: String
    public var error: FlowError?
    public var client: Frozen<Client>
    public var server: Frozen<Server>
    public var intercepted = false
    public var isReplay: String?
    public var marked = ""
    public var metadata = Metadata()
    public var comment = ""
    public var timestampCreated: Double
    public var backup: Boxed<TransportFlow>?
    /// Oldest first.
    public var messages: [StreamMessage] = []

    public init(id: String, client: Frozen<Client>, server: Frozen<Server>, timestampCreated: Double) {
        self.id = id
        self.client = client
        self.server = server
        self.timestampCreated = timestampCreated
    }

    public static var name: String { Carrier.flowName }
    public static var doc: String { Carrier.flowDoc }
    public static var blank: TransportFlow {
        TransportFlow(id: "", client: Frozen(.blank), server: Frozen(.blank), timestampCreated: 0)
    }
    public static var fields: [Field<TransportFlow>] { Carrier.flowFields }

    /// The rows, from which each transport makes its `flowFields`.
    static var rows: [Field<TransportFlow>] {
        FlowPlaces(
            version: \.version, type: \.type, id: \.id, error: \.error, client: \.client, server: \.server,
            intercepted: \.intercepted, isReplay: \.isReplay, marked: \.marked, metadata: \.metadata, comment: \.comment,
            timestampCreated: \.timestampCreated, backup: \.backup
        ).rows + [
            Field("messages", \.messages, "What went each way, oldest first: the newest, as many as are kept.")
        ]
    }

    /// The flow without what went over it, where that is left out.
    public var withoutMessages: TransportFlow {
        var flow = self
        flow.messages = []
        if let backup { flow.backup = Boxed(backup.value.withoutMessages) }
        return flow
    }

    public var any: AnyFlow { Carrier.any(self) }
    public static func trafficFootprint(of flow: UnsafePointer<TransportFlow>) -> Int {
        flow.pointee.messages.reduce(0) { $0 + $1.footprint }
    }
    public mutating func keepTraffic(of present: TransportFlow) { messages = present.messages }
}
