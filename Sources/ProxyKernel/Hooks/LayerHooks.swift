import FlowModel
import Schema

/// The first bytes of a connection whose protocol is being decided.
package struct NextLayerEvent: HookPayload {
    package var client: Frozen<Client>
    package var server: Frozen<Server>
    package var dataClient: ByteString
    package var layer: String

    package init(client: Frozen<Client>, server: Frozen<Server>, dataClient: ByteString, layer: String) {
        self.client = client
        self.server = server
        self.dataClient = dataClient
        self.layer = layer
    }

    package var anyClient: Client? { client.value }

    package static let name = "NextLayerEvent"
    package static let doc = "The first bytes of a connection whose protocol is being decided."
    package static let blank = NextLayerEvent(client: Frozen(.blank), server: Frozen(.blank), dataClient: "", layer: "")
    package static let fields: [Field<NextLayerEvent>] = [
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
package struct LayerHooks: HookTable {
    package let nextLayer = Hook<NextLayerEvent>(
        "next_layer",
        "The protocol of a connection, or of what is inside a tunnel, was detected. Setting `layer` chooses another.")

    package init() {}
    package static let table = LayerHooks()
}
