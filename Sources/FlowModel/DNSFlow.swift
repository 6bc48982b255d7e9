import Schema

/// One DNS query and its answer.
public struct DNSFlow: FlowRecord {
    public static let kind = FlowKind.dns

    public var version = FlowFormat.version
    public var type = kind.rawValue
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
    public var backup: Boxed<DNSFlow>?
    @Boxed public var request = DNSMessage()
    @Boxed public var response: DNSMessage? = nil

    public init(id: String, client: Frozen<Client>, server: Frozen<Server>, timestampCreated: Double) {
        self.id = id
        self.client = client
        self.server = server
        self.timestampCreated = timestampCreated
    }

    public static let name = "DNSFlow"
    public static let doc = "A DNS query and what came of it."
    public static let blank = DNSFlow(id: "", client: Frozen(.blank), server: Frozen(.blank), timestampCreated: 0)
    public static let fields: [Field<DNSFlow>] =
        FlowPlaces(
            version: \.version, type: \.type, id: \.id, error: \.error, client: \.client, server: \.server,
            intercepted: \.intercepted, isReplay: \.isReplay, marked: \.marked, metadata: \.metadata, comment: \.comment,
            timestampCreated: \.timestampCreated, backup: \.backup
        ).rows + [
            Field("request", \._request, "The query."),
            Field("response", \._response, "The answer. Set before there is one, it answers without the server."),
        ]

    public var any: AnyFlow { .dns(self) }
    public static func trafficFootprint(of flow: UnsafePointer<DNSFlow>) -> Int { 4096 }
    public mutating func keepTraffic(of present: DNSFlow) {
        if response == nil { response = present.response }
    }
}
