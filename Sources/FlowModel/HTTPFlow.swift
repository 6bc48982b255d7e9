import Schema

/// One request and what came of it: the state that addons get and set.
package struct HTTPFlow: FlowRecord {
    package static let kind = FlowKind.http

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
    package var backup: Boxed<HTTPFlow>?
    @Boxed package var request = Request()
    @Boxed package var response: Response? = nil
    /// Nil is one word: most flows have none, and every event goes past it.
    package var websocket: Boxed<WebSocketData>?

    package init(id: String, client: Frozen<Client>, server: Frozen<Server>, timestampCreated: Double) {
        self.id = id
        self.client = client
        self.server = server
        self.timestampCreated = timestampCreated
    }

    package static let name = "HTTPFlow"
    package static let doc = "One request and what came of it."
    package static let blank = HTTPFlow(id: "", client: Frozen(.blank), server: Frozen(.blank), timestampCreated: 0)
    package static let fields: [Field<HTTPFlow>] =
        FlowPlaces(
            version: \.version, type: \.type, id: \.id, error: \.error, client: \.client, server: \.server,
            intercepted: \.intercepted, isReplay: \.isReplay, marked: \.marked, metadata: \.metadata, comment: \.comment,
            timestampCreated: \.timestampCreated, backup: \.backup
        ).rows + [
            Field("request", \._request, "The request."),
            Field("response", \._response, "The response. Set before there is one, it answers without the server."),
            Field("websocket", \.websocket, "What went over the WebSocket that the flow became, or null."),
        ]
}
