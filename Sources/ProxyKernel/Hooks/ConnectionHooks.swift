import FlowModel
import Schema

/// A client's connection, and nothing else.
package struct ClientEvent: HookPayload {
    package var client: Client

    package init(client: Client) { self.client = client }

    package var anyClient: Client? { client }

    package static let name = "ClientEvent"
    package static let doc = "A client's connection."
    package static let blank = ClientEvent(client: .blank)
    package static let fields: [Field<ClientEvent>] = [Field("client_conn", \.client, "The client's connection.")]
}

/// A connection to a server, and the client's connection that it is for.
package struct ServerEvent: HookPayload {
    package var server: Server
    package var client: Frozen<Client>

    package init(server: Server, client: Frozen<Client>) {
        self.server = server
        self.client = client
    }

    package var anyClient: Client? { client.value }

    package static let name = "ServerEvent"
    package static let doc = "A connection to a server."
    package static let blank = ServerEvent(server: .blank, client: Frozen(.blank))
    package static let fields: [Field<ServerEvent>] = [
        Field("server_conn", \.server, "The server's connection."),
        Field("client_conn", \.client, .readOnly, "The client's connection that it is for."),
    ]
}

/// The events of connections.
package struct ConnectionHooks: HookTable {
    package let clientConnected = Hook<ClientEvent>(
        "client_connected", aliases: ["clientconnect"],
        "A client has connected; nothing was read yet. Setting `client_conn.error` closes the connection.")
    package let clientDisconnected = Hook<ClientEvent>(
        "client_disconnected", aliases: ["clientdisconnect"], pauses: false, "The client's connection is closed.")
    package let serverConnect = Hook<ServerEvent>(
        "server_connect", aliases: ["serverconnect"],
        "The proxy is about to connect. `server_conn.address` may be changed; setting `server_conn.error` refuses.")
    package let serverConnected = Hook<ServerEvent>("server_connected", "The TCP connection is made, before TLS.")
    package let serverConnectError = Hook<ServerEvent>(
        "server_connect_error", "The connection could not be made, or was refused in `server_connect`; see `server_conn.error`.")
    package let serverDisconnected = Hook<ServerEvent>(
        "server_disconnected", aliases: ["serverdisconnect"], pauses: false, "The connection to the server is closed.")

    package init() {}
    package static let table = ConnectionHooks()
}
