import Schema

/// One request and what came of it: the state that addons get and set.
public struct HTTPFlow: FlowRecord {
    public static let kind = FlowKind.http

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
    public var backup: Boxed<HTTPFlow>?
    public var boxedRequest: Boxed<Request>
    public var boxedResponse: Boxed<Response>?
    /// Nil is one word: most flows have none, and every event goes past it.
    public var websocket: Boxed<WebSocketData>?

    public var request: Request {
        unsafeAddress { boxedRequest.address }
        unsafeMutableAddress { boxedRequest.mutableAddress }
    }

    /// A copy: who reads or changes a part of it, for every flow, does so in `boxedResponse`.
    public var response: Response? {
        get { boxedResponse?.value }
        set { boxedResponse = newValue.map { Boxed($0) } }
    }

    public init(
        id: String, client: Frozen<Client>, server: Frozen<Server>, timestampCreated: Double, request: Request = Request()
    ) {
        self.id = id
        self.client = client
        self.server = server
        self.timestampCreated = timestampCreated
        boxedRequest = Boxed(request)
    }

    public static let name = "HTTPFlow"
    public static let doc = "One request and what came of it."
    public static let blank = HTTPFlow(id: "", client: Frozen(.blank), server: Frozen(.blank), timestampCreated: 0)
    public static let fields: [Field<HTTPFlow>] =
        FlowPlaces(
            version: \.version, type: \.type, id: \.id, error: \.error, client: \.client, server: \.server,
            intercepted: \.intercepted, isReplay: \.isReplay, marked: \.marked, metadata: \.metadata, comment: \.comment,
            timestampCreated: \.timestampCreated, backup: \.backup
        ).rows + [
            Field("request", \.boxedRequest, "The request."),
            Field("response", \.boxedResponse, "The response. Set before there is one, it answers without the server."),
            Field("websocket", \.websocket, "What went over the WebSocket that the flow became, or null."),
        ]
}
