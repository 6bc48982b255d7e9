import FlowModel
import Schema

/// What a ClientHello says, before anything was decided about it.
public struct HelloRecord: Record {
    public var sni: String?
    public var alpnProtocols: [ByteString] = []
    public var cipherSuites: [Int] = []
    public var extensions: [Int] = []
    public var supportedVersions: [Int] = []

    public init() {}

    public static let name = "ClientHello"
    public static let doc = "What a client's first TLS message says."
    public static let blank = HelloRecord()
    public static let fields: [Field<HelloRecord>] = [
        Field("sni", \.sni, .readOnly, "The server name that the client asks for, or null."),
        Field("alpn_protocols", \.alpnProtocols, .readOnly, "The protocols that it offers."),
        Field("cipher_suites", \.cipherSuites, .readOnly, "The cipher suites that it offers, as numbers."),
        Field("extensions", \.extensions, .readOnly, "The types of its extensions, in order."),
        Field("supported_versions", \.supportedVersions, .readOnly, "The protocol versions that it offers, as numbers."),
    ]
}

/// A ClientHello on a connection, and what to do about it.
public struct ClientHelloEvent: HookPayload {
    public var hello = HelloRecord()
    public var client: Frozen<Client>
    public var server: Frozen<Server>
    public var ignoresConnection = false
    public var establishesServerFirst = false

    public init(hello: HelloRecord, client: Frozen<Client>, server: Frozen<Server>) {
        self.hello = hello
        self.client = client
        self.server = server
    }

    public var anyClient: Client? { client.value }

    public static let name = "ClientHelloEvent"
    public static let doc = "A ClientHello, and what to do about it."
    public static let blank = ClientHelloEvent(hello: .blank, client: Frozen(.blank), server: Frozen(.blank))
    public static let fields: [Field<ClientHelloEvent>] = [
        Field("client_hello", \.hello, .readOnly, "The client's first TLS message."),
        Field("client_conn", \.client, .readOnly, "The client's connection."),
        Field("server_conn", \.server, .readOnly, "The server's connection."),
        Field("ignore_connection", \.ignoresConnection, "True passes the connection through untouched."),
        Field("establish_server_tls_first", \.establishesServerFirst, "True makes the server's TLS handshake come first."),
    ]
}

/// Both connections of a TLS handshake.
public struct TLSEvent: HookPayload {
    public var client: Frozen<Client>
    public var server: Frozen<Server>

    public init(client: Frozen<Client>, server: Frozen<Server>) {
        self.client = client
        self.server = server
    }

    public var anyClient: Client? { client.value }

    public static let name = "TLSEvent"
    public static let doc = "Both connections of a TLS handshake."
    public static let blank = TLSEvent(client: Frozen(.blank), server: Frozen(.blank))
    public static let fields: [Field<TLSEvent>] = [
        Field("client_conn", \.client, .readOnly, "The client's connection."),
        Field("server_conn", \.server, .readOnly, "The server's connection."),
    ]
}

/// The events of TLS.
public struct TLSHooks: HookTable {
    public let clientHello = Hook<ClientHelloEvent>(
        "tls_clienthello",
        "A ClientHello was read. The worker may have the connection ignored, or the server's handshake made first.")
    public let startClient = Hook<TLSEvent>("tls_start_client", "The handshake with the client is about to begin.")
    public let startServer = Hook<TLSEvent>("tls_start_server", "The handshake with the server is about to begin.")
    public let establishedClient = Hook<TLSEvent>("tls_established_client", "The handshake with the client is done.")
    public let establishedServer = Hook<TLSEvent>("tls_established_server", "The handshake with the server is done.")
    public let failedClient = Hook<TLSEvent>(
        "tls_failed_client", "The handshake with the client failed; `client_conn.error` says why.")
    public let failedServer = Hook<TLSEvent>(
        "tls_failed_server", "The handshake with the server failed; `server_conn.error` says why.")

    public init() {}
    public static let table = TLSHooks()
}
