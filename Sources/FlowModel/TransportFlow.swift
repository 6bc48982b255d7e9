import Schema

/// What went over a transport between two addresses, without a protocol that would be known: the pieces in which it came.
package struct TransportFlow<Carrier: MessageTransport>: FlowRecord {
    package static var kind: FlowKind { Carrier.kind }

    package var version = FlowFormat.version
    package var type = Carrier.kind.rawValue
    package var id: String
    package var error: FlowError?
    package var client: Frozen<Client>
    package var server: Frozen<Server>
    package var intercepted = false
    package var isReplay: String?
    package var marked = ""
    package var metadata = Metadata()
    package var comment = ""
    package var timestampCreated: Double
    package var backup: Boxed<TransportFlow>?
    /// Oldest first.
    package var messages: [StreamMessage] = []

    package init(id: String, client: Frozen<Client>, server: Frozen<Server>, timestampCreated: Double) {
        self.id = id
        self.client = client
        self.server = server
        self.timestampCreated = timestampCreated
    }

    package static var name: String { Carrier.flowName }
    package static var doc: String { Carrier.flowDoc }
    package static var blank: TransportFlow {
        TransportFlow(id: "", client: Frozen(.blank), server: Frozen(.blank), timestampCreated: 0)
    }
    package static var fields: [Field<TransportFlow>] { Carrier.flowFields }

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
    package var withoutMessages: TransportFlow {
        var flow = self
        flow.messages = []
        if let backup { flow.backup = Boxed(wrappedValue: backup.wrappedValue.withoutMessages) }
        return flow
    }

    package var any: AnyFlow { Carrier.any(self) }
    package var trafficFootprint: Int { messages.reduce(0) { $0 + $1.footprint } }
    package mutating func keepTraffic(of present: TransportFlow) { messages = present.messages }
}
