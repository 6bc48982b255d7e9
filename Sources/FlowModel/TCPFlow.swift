import Schema

/// What went over one raw TCP connection, in the pieces in which it was read.
package struct TCPFlow: FlowRecord {
    package static let kind = FlowKind.tcp

    package var version = FlowFormat.version
    package var type = kind.rawValue
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
    package var backup: Boxed<TCPFlow>?
    /// Oldest first.
    package var messages: [StreamMessage] = []

    package init(id: String, client: Frozen<Client>, server: Frozen<Server>, timestampCreated: Double) {
        self.id = id
        self.client = client
        self.server = server
        self.timestampCreated = timestampCreated
    }

    package static let name = "TCPFlow"
    package static let doc = "A TCP connection through the proxy."
    package static let blank = TCPFlow(id: "", client: Frozen(.blank), server: Frozen(.blank), timestampCreated: 0)
    package static let fields: [Field<TCPFlow>] =
        FlowPlaces(
            version: \.version, type: \.type, id: \.id, error: \.error, client: \.client, server: \.server,
            intercepted: \.intercepted, isReplay: \.isReplay, marked: \.marked, metadata: \.metadata, comment: \.comment,
            timestampCreated: \.timestampCreated, backup: \.backup
        ).rows + [
            Field("messages", \.messages, "What went each way, oldest first; in a message's event the last is the newest.")
        ]
}
