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
    @usableFromInline package var boxedRequest = Boxed(wrappedValue: Request())
    @usableFromInline package var boxedResponse = Boxed<Response?>(wrappedValue: nil)
    /// Nil is one word: most flows have none, and every event goes past it.
    package var websocket: Boxed<WebSocketData>?

    // Written out, since what a wrapper makes of them cannot be inlined elsewhere.
    @inlinable package var request: Request {
        _read { yield boxedRequest.wrappedValue }
        _modify { yield &boxedRequest.wrappedValue }
    }

    @inlinable package var response: Response? {
        _read { yield boxedResponse.wrappedValue }
        _modify { yield &boxedResponse.wrappedValue }
    }

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
            Field("request", \.boxedRequest, "The request."),
            Field("response", \.boxedResponse, "The response. Set before there is one, it answers without the server."),
            Field("websocket", \.websocket, "What went over the WebSocket that the flow became, or null."),
        ]
}
