import Schema

/// The server's side of a flow: a connection that the proxy made, or is about to make.
public struct Server: Record, TLSEndpoint {
    public var id = ""
    public var peername: Address?
    public var sockname: Address?
    public var transportProtocol = "tcp"
    public var error: String?
    public var tls = TLSDetails()
    public var timestampStart: Double?
    public var timestampEnd: Double?
    public var address: Address?
    public var timestampTCPSetup: Double?
    public var via: ServerVia?

    public init(id: String, address: Address?) {
        self.id = id
        self.address = address
    }

    public static let name = "Server"
    public static let doc = "The proxy's connection to a server. Not connected while `timestamp_start` is null."
    public static let blank = Server(id: "", address: nil)
    public static let fields: [Field<Server>] =
        [
            Field("peername", \.peername, .readOnly, "The server's resolved address."),
            Field("sockname", \.sockname, .readOnly, "Our address towards the server."),
            Field("id", \.id, .readOnly, "UUID of the connection."),
            Field("transport_protocol", \.transportProtocol, .readOnly, words: ["tcp", "udp"], "`tcp` or `udp`."),
            Field("error", \.error, .writable, "What went wrong. Set in `server_connect`, it keeps the proxy from connecting."),
        ] + TLSDetails.rows() + [
            Field("timestamp_start", \.timestampStart, .readOnly, "When the proxy began to connect; seconds since 1970, UTC."),
            Field("timestamp_end", \.timestampEnd, .readOnly, "When the connection was closed."),
            Field("timestamp_tls_setup", \.tls.timestampSetup, .readOnly, "When the TLS handshake was done."),
            Field("address", \.address, .writable, "Where to connect. May be changed in `server_connect`."),
            Field("timestamp_tcp_setup", \.timestampTCPSetup, .readOnly, "When the TCP connection was made."),
            Field("via", \.via, .readOnly, "The upstream proxy, or null."),
        ]
}
