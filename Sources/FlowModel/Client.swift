import Schema

/// The client's side of a flow: a connection that the proxy accepted.
public struct Client: Record, TLSEndpoint {
    public var id = ""
    public var peername: Address
    public var sockname: Address
    public var transportProtocol = "tcp"
    public var error: String?
    public var tls = TLSDetails()
    public var timestampStart: Double = 0
    public var timestampEnd: Double?
    public var mitmcert: ByteString?
    public var proxyMode = "regular"

    public init(id: String, peername: Address, sockname: Address, proxyMode: String, timestampStart: Double) {
        self.id = id
        self.peername = peername
        self.sockname = sockname
        self.proxyMode = proxyMode
        self.timestampStart = timestampStart
    }

    public static let name = "Client"
    public static let doc = "A client's connection to the proxy."
    public static let blank = Client(
        id: "", peername: .init(host: "", port: 0), sockname: .init(host: "", port: 0), proxyMode: "regular", timestampStart: 0)
    public static let fields: [Field<Client>] =
        [
            Field("peername", \.peername, .readOnly, "The client's address."),
            Field("sockname", \.sockname, .readOnly, "Our address that the client connected to."),
            Field("id", \.id, .readOnly, "UUID of the connection."),
            Field("transport_protocol", \.transportProtocol, .readOnly, words: ["tcp", "udp"], "`tcp` or `udp`."),
            Field("error", \.error, .writable, "What went wrong. Set in `client_connected`, it closes the connection."),
        ] + TLSDetails.rows() + [
            Field("timestamp_start", \.timestampStart, .readOnly, "When the connection was accepted; seconds since 1970, UTC."),
            Field("timestamp_end", \.timestampEnd, .readOnly, "When it was closed."),
            Field("timestamp_tls_setup", \.tls.timestampSetup, .readOnly, "When the TLS handshake was done."),
            Field("mitmcert", \.mitmcert, .readOnly, "PEM of the certificate that we showed the client."),
            Field("proxy_mode", \.proxyMode, .readOnly, "The mode's specification, as given to `--mode`."),
        ]
}
