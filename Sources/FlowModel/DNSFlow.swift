import Schema

/// One DNS query and its answer.
package struct DNSFlow: FlowRecord {
    package static let kind = FlowKind.dns

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
    package var backup: Boxed<DNSFlow>?
    @Boxed package var request = DNSMessage()
    @Boxed package var response: DNSMessage? = nil

    package init(id: String, client: Frozen<Client>, server: Frozen<Server>, timestampCreated: Double) {
        self.id = id
        self.client = client
        self.server = server
        self.timestampCreated = timestampCreated
    }

    package static let name = "DNSFlow"
    package static let doc = "A DNS query and what came of it."
    package static let blank = DNSFlow(id: "", client: Frozen(.blank), server: Frozen(.blank), timestampCreated: 0)
    package static let fields: [Field<DNSFlow>] =
        FlowPlaces(
            version: \.version, type: \.type, id: \.id, error: \.error, client: \.client, server: \.server,
            intercepted: \.intercepted, isReplay: \.isReplay, marked: \.marked, metadata: \.metadata, comment: \.comment,
            timestampCreated: \.timestampCreated, backup: \.backup
        ).rows + [
            Field("request", \._request, "The query."),
            Field("response", \._response, "The answer. Set before there is one, it answers without the server."),
        ]

    package var any: AnyFlow { .dns(self) }
    package var trafficFootprint: Int { 4096 }
    package mutating func keepTraffic(of present: DNSFlow) {
        if response == nil { response = present.response }
    }
}
