import FlowModel
import Schema

/// A client's connection, and nothing else.
public struct ClientEvent: HookPayload {
    public var client: Client

    public init(client: Client) { self.client = client }

    public var anyClient: Client? { client }

    public static let name = "ClientEvent"
    public static let doc = "A client's connection."
    public static let blank = ClientEvent(client: .blank)
    public static let fields: [Field<ClientEvent>] = [Field("client_conn", \.client, "The client's connection.")]
}

/// A connection to a server, and the client's connection that it is for.
public struct ServerEvent: HookPayload {
    public var server: Server
    public var client: Frozen<Client>

    public init(server: Server, client: Frozen<Client>) {
        self.server = server
        self.client = client
    }

    public var anyClient: Client? { client.value }

    public static let name = "ServerEvent"
    public static let doc = "A connection to a server."
    public static let blank = ServerEvent(server: .blank, client: Frozen(.blank))
    public static let fields: [Field<ServerEvent>] = [
        Field("server_conn", \.server, "The server's connection."),
        Field("client_conn", \.client, .readOnly, "The client's connection that it is for."),
    ]
}

/// The events of connections.
public struct ConnectionHooks: HookTable {
    public let clientConnected = Hook<ClientEvent>(
        "client_connected", aliases: ["clientconnect"],
        "A client has connected; nothing was read yet. Setting `client_conn.error` closes the connection.")
    public let clientDisconnected = Hook<ClientEvent>(
        "client_disconnected", aliases: ["clientdisconnect"], pauses: false, "The client's connection is closed.")
    public let serverConnect = Hook<ServerEvent>(
        "server_connect", aliases: ["serverconnect"],
        "The proxy is about to connect. `server_conn.address` may be changed; setting `server_conn.error` refuses.")
    public let serverConnected = Hook<ServerEvent>("server_connected", "The TCP connection is made, before TLS.")
    public let serverConnectError = Hook<ServerEvent>(
        "server_connect_error", "The connection could not be made, or was refused in `server_connect`; see `server_conn.error`.")
    public let serverDisconnected = Hook<ServerEvent>(
        "server_disconnected", aliases: ["serverdisconnect"], pauses: false, "The connection to the server is closed.")

    public init() {}
    public static let table = ConnectionHooks()
}
