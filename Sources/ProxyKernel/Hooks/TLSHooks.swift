import FlowModel
import Schema

/// What a ClientHello says, before anything was decided about it.
package struct HelloRecord: Record {
    package var sni: String?
    package var alpnProtocols: [ByteString] = []
    package var cipherSuites: [Int] = []
    package var extensions: [Int] = []
    package var supportedVersions: [Int] = []

    package init() {}

    package static let name = "ClientHello"
    package static let doc = "What a client's first TLS message says."
    package static let blank = HelloRecord()
    package static let fields: [Field<HelloRecord>] = [
        Field("sni", \.sni, .readOnly, "The server name that the client asks for, or null."),
        Field("alpn_protocols", \.alpnProtocols, .readOnly, "The protocols that it offers."),
        Field("cipher_suites", \.cipherSuites, .readOnly, "The cipher suites that it offers, as numbers."),
        Field("extensions", \.extensions, .readOnly, "The types of its extensions, in order."),
        Field("supported_versions", \.supportedVersions, .readOnly, "The protocol versions that it offers, as numbers."),
    ]
}

/// A ClientHello on a connection, and what to do about it.
package struct ClientHelloEvent: HookPayload {
    package var hello = HelloRecord()
    package var client: Frozen<Client>
    package var server: Frozen<Server>
    package var ignoresConnection = false
    package var establishesServerFirst = false

    package init(hello: HelloRecord, client: Frozen<Client>, server: Frozen<Server>) {
        self.hello = hello
        self.client = client
        self.server = server
    }

    package var anyClient: Client? { client.value }

    package static let name = "ClientHelloEvent"
    package static let doc = "A ClientHello, and what to do about it."
    package static let blank = ClientHelloEvent(hello: .blank, client: Frozen(.blank), server: Frozen(.blank))
    package static let fields: [Field<ClientHelloEvent>] = [
        Field("client_hello", \.hello, .readOnly, "The client's first TLS message."),
        Field("client_conn", \.client, .readOnly, "The client's connection."),
        Field("server_conn", \.server, .readOnly, "The server's connection."),
        Field("ignore_connection", \.ignoresConnection, "True passes the connection through untouched."),
        Field("establish_server_tls_first", \.establishesServerFirst, "True makes the server's TLS handshake come first."),
    ]
}

/// Both connections of a TLS handshake.
package struct TLSEvent: HookPayload {
    package var client: Frozen<Client>
    package var server: Frozen<Server>

    package init(client: Frozen<Client>, server: Frozen<Server>) {
        self.client = client
        self.server = server
    }

    package var anyClient: Client? { client.value }

    package static let name = "TLSEvent"
    package static let doc = "Both connections of a TLS handshake."
    package static let blank = TLSEvent(client: Frozen(.blank), server: Frozen(.blank))
    package static let fields: [Field<TLSEvent>] = [
        Field("client_conn", \.client, .readOnly, "The client's connection."),
        Field("server_conn", \.server, .readOnly, "The server's connection."),
    ]
}

/// The events of TLS.
package struct TLSHooks: HookTable {
    package let clientHello = Hook<ClientHelloEvent>(
        "tls_clienthello",
        "A ClientHello was read. The worker may have the connection ignored, or the server's handshake made first.")
    package let startClient = Hook<TLSEvent>("tls_start_client", "The handshake with the client is about to begin.")
    package let startServer = Hook<TLSEvent>("tls_start_server", "The handshake with the server is about to begin.")
    package let establishedClient = Hook<TLSEvent>("tls_established_client", "The handshake with the client is done.")
    package let establishedServer = Hook<TLSEvent>("tls_established_server", "The handshake with the server is done.")
    package let failedClient = Hook<TLSEvent>(
        "tls_failed_client", "The handshake with the client failed; `client_conn.error` says why.")
    package let failedServer = Hook<TLSEvent>(
        "tls_failed_server", "The handshake with the server failed; `server_conn.error` says why.")

    package init() {}
    package static let table = TLSHooks()
}
