import Schema

/// One request and what came of it: the state that addons get and set.
package struct HTTPFlow: Record {
    /// mitmproxy's flow format, whose field names and nesting the state keeps.
    package static let formatVersion = 21

    package var version = formatVersion
    package var type = "http"
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
    package var websocket: JSON = .null

    package init(id: String, client: Frozen<Client>, server: Frozen<Server>, timestampCreated: Double) {
        self.id = id
        self.client = client
        self.server = server
        self.timestampCreated = timestampCreated
    }

    package static let name = "HTTPFlow"
    package static let doc = "One request and what came of it."
    package static let blank = HTTPFlow(id: "", client: Frozen(.blank), server: Frozen(.blank), timestampCreated: 0)
    package static let fields: [Field<HTTPFlow>] = [
        Field("version", \.version, .readOnly, words: [formatVersion], "The flow format, 21."),
        Field("type", \.type, .readOnly, words: ["http"], "`http`."),
        Field("id", \.id, .readOnly, "UUID of the flow."),
        Field("error", \.error, "What ended the flow, or null."),
        Field("client_conn", \.client, .readOnly, "The client's connection."),
        Field("server_conn", \.server, .readOnly, "The server's connection; not yet made while its `timestamp_start` is null."),
        Field("intercepted", \.intercepted, "Whether the flow is held until somebody resumes it."),
        Field(
            "is_replay", \.isReplay, .readOnly, words: [nil, "request", "response"],
            "`request` or `response` if that side was replayed."),
        Field(
            "marked", \.marked, refuse: { Marker.refusal($0) }, "Empty, one character, or an emoji's name such as `:red_circle:`."
        ),
        Field("metadata", \.metadata, "The addons' own members; merged, not replaced."),
        Field("comment", \.comment, "A person's comment."),
        Field("timestamp_created", \.timestampCreated, .readOnly, "Seconds since 1970, UTC."),
        Field("backup", \.backup, .readOnly, "The state before the first edit, or null."),
        Field("request", \._request, "The request."),
        Field("response", \._response, "The response. Set before there is one, it answers without the server."),
        Field("websocket", \.websocket, .readOnly, "Null."),
    ]
}
