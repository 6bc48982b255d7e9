import FlowModel
import Schema

/// The first bytes of a connection whose protocol is being decided.
public struct NextLayerEvent: HookPayload {
    public var client: Frozen<Client>
    public var server: Frozen<Server>
    public var dataClient: ByteString
    public var layer: String

    public init(client: Frozen<Client>, server: Frozen<Server>, dataClient: ByteString, layer: String) {
        self.client = client
        self.server = server
        self.dataClient = dataClient
        self.layer = layer
    }

    public var anyClient: Client? { client.value }

    public static let name = "NextLayerEvent"
    public static let doc = "The first bytes of a connection whose protocol is being decided."
    public static let blank = NextLayerEvent(client: Frozen(.blank), server: Frozen(.blank), dataClient: "", layer: "")
    public static let fields: [Field<NextLayerEvent>] = [
        Field("client_conn", \.client, .readOnly, "The client's connection."),
        Field("server_conn", \.server, .readOnly, "The server's connection."),
        Field("data_client", \.dataClient, .readOnly, "What the client has sent so far, at most 1 KiB of it."),
        Field(
            "layer", \.layer,
            "The proxy's choice: `tls`, `http`, `tcp`, `dns`, or `ignore` for what is passed through untouched. May be changed; what does not fit the bytes is not followed."
        ),
    ]
}

/// The events of protocol detection.
public struct LayerHooks: HookTable {
    public let nextLayer = Hook<NextLayerEvent>(
        "next_layer",
        "The protocol of a connection, or of what is inside a tunnel, was detected. Setting `layer` chooses another.")

    public init() {}
    public static let table = LayerHooks()
}
