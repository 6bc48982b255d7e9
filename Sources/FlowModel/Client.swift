import Schema

/// The client's side of a flow: a connection that the proxy accepted.
package struct Client: Record, TLSEndpoint {
    package var id = ""
    package var peername: Address
    package var sockname: Address
    package var transportProtocol = "tcp"
    package var error: String?
    package var tls = TLSDetails()
    package var timestampStart: Double = 0
    package var timestampEnd: Double?
    package var mitmcert: ByteString?
    package var proxyMode = "regular"

    package init(id: String, peername: Address, sockname: Address, proxyMode: String, timestampStart: Double) {
        self.id = id
        self.peername = peername
        self.sockname = sockname
        self.proxyMode = proxyMode
        self.timestampStart = timestampStart
    }

    package static let name = "Client"
    package static let doc = "A client's connection to the proxy."
    package static let blank = Client(
        id: "", peername: .init(host: "", port: 0), sockname: .init(host: "", port: 0), proxyMode: "regular", timestampStart: 0)
    package static let fields: [Field<Client>] =
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
