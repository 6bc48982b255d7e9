import FlowModel
import Schema

/// The settings of connections and TLS.
public struct ProxyOptions: OptionTable {
    public let mode = Option<[String]>(
        "mode", ["regular"],
        "How clients reach the proxy: `regular`, `upstream:[http[s]://]host[:port]`, `reverse:SCHEME://host[:port]` with https, http, h2c, tls, tcp, udp or dns, `socks5`, `transparent` or `dns`, each with `@[host:]port` if wanted."
    )
    public let listenHost = Option<String>("listen_host", "", "Address to listen on; empty means all.")
    public let listenPort = Option<Int?>(
        "listen_port", nil, objection: { $0.flatMap(outside(0...65535)) }, "Port to listen on; by default the mode's own, 8080.")
    public let confdir = Option<String>("confdir", "~/.weir", "Folder of the CA and its key.")
    public let threads = Option<Int>(
        "threads", 1, objection: outside(1...1024),
        "Event loops. A worker is served by one of them; events of the others hop to it.")

    public let connectionStrategy = Option<String>(
        "connection_strategy", "eager", choices: ["eager", "lazy"], read: .whenUsed,
        "Whether to connect to the server at CONNECT and before the client's TLS handshake, or when a request needs it.")
    public let connectTimeout = Option<Int>(
        "connect_timeout", 30, read: .whenUsed, objection: outside(1...86400),
        "Seconds until an attempt to connect to a server is given up.")
    public let serverReuse = Option<String>(
        "server_reuse", "client", choices: ["client", "all"], read: .whenUsed,
        "Whose requests a kept HTTP/1 connection to a server carries: those of the client that it was made for, or of `all`, unless one has authenticated on it (NTLM, Negotiate) or an addon follows connections to servers."
    )
    public let serverReuseLimit = Option<Int>(
        "server_reuse_limit", 256, read: .whenUsed, objection: outside(1...1_000_000),
        "Connections that are kept for other clients by each thread, at most; the oldest has to go.")
    public let serverReuseTimeout = Option<Int>(
        "server_reuse_timeout", 30, read: .whenUsed, objection: outside(1...86400),
        "Seconds until a connection that no other client has needed is closed.")
    public let tcpTimeout = Option<Int>(
        "tcp_timeout", 600, read: .whenUsed, objection: outside(1...31_536_000),
        "Seconds until an idle client connection is closed.")
    public let user = Option<String?>(
        "user", nil,
        "User to become when root has opened the sockets, the keys and the files to write; addons are started as that user.")
    public let drainTimeout = Option<Double>(
        "drain_timeout", 5, read: .whenUsed, objection: outside(0...86_400),
        "Seconds that exchanges have to end when the proxy stops or is replaced. A connection is idle after a thirtieth of it, a third where the proxy is replaced, at most a second."
    )
    public let udpTimeout = Option<Int>(
        "udp_timeout", 20, read: .whenUsed, objection: outside(1...31_536_000),
        "Seconds without a datagram either way until those between a client's address and port and a server count as over.")
    public let udpAssociations = Option<Int>(
        "udp_associations", 4096, read: .whenUsed, objection: outside(1...10_000_000),
        "Addresses and ports of clients that are served at a time on one UDP port, at most; those idle longest have to go for new ones."
    )
    public let http2 = Option<Bool>("http2", true, read: .whenUsed, "Speak HTTP/2 with those who want it.")
    public let http2Priority = Option<Bool>(
        "http2_priority", false, read: .whenUsed, "Pass on the priorities that clients give to their HTTP/2 streams.")
    public let http2PingKeepalive = Option<Int>(
        "http2_ping_keepalive", 58, read: .whenUsed, objection: outside(0...86400),
        "Seconds of silence after which a server is sent an HTTP/2 PING, so that the connection stays; 0 for never.")
    public let keepHostHeader = Option<Bool>(
        "keep_host_header", false, read: .whenUsed, "Reverse mode: send the client's Host field, not the server's name.")
    public let bodySizeLimit = Option<ByteCount?>(
        "body_size_limit", nil,
        "Bytes of a body that are let through at most, such as `3m`: more in a request is answered with 413, in a response with 502."
    )
    public let bodyBufferLimit = Option<ByteCount>(
        "body_buffer_limit", ByteCount(mebibytes: 2048), read: .whenUsed,
        "Bytes of a body that are held at most for a worker that asked for the whole of it.")
    public let bodyMemoryLimit = Option<ByteCount>(
        "body_memory_limit", ByteCount(mebibytes: 16), read: .whenUsed,
        "Bytes of such a body that are held in memory; a longer one is held in a file without a name, in the folder `bodies` of `confdir`."
    )
    public let streamLargeBodies = Option<ByteCount?>(
        "stream_large_bodies", nil, read: .whenUsed,
        "Bodies of more bytes than this, such as `3m`, go as they come and are never held, whoever wants them whole.")
    public let storeStreamedBodies = Option<Bool>(
        "store_streamed_bodies", false, read: .whenUsed,
        "Keep a copy of bodies that are streamed, up to `body_memory_limit`, in the flow that has ended.")
    public let decodedBodyLimit = Option<ByteCount>(
        "decoded_body_limit", ByteCount(mebibytes: 256), read: .whenUsed,
        objection: { (1...1 << 31).contains($0.bytes) ? nil : "expected 1 to 2g, found \($0.text)" },
        "Bytes that a held body unpacks to at most for a worker that asked for it decoded. More in a request is answered with 413, in a response with 502."
    )
    public let decodedBodyRatio = Option<Int>(
        "decoded_body_ratio", 1000, read: .whenUsed, objection: outside(1...1_000_000_000),
        "How many times its size a body unpacks to at most for a worker, beyond its first MiB, be it held or streamed. Gzip reaches 1030."
    )
    public let allowHosts = Option<[String]>(
        "allow_hosts", [],
        "Patterns: only what goes to a matching `host:port` is inspected; all else in tunnels and reverse mode is passed through."
    )
    public let ignoreHosts = Option<[String]>(
        "ignore_hosts", [], "Patterns: what goes to a matching `host:port` is passed through untouched, TLS and all.")
    public let passthroughAfter = Option<Int>(
        "tls_passthrough_after", 0, read: .whenUsed, objection: outside(0...1_000_000),
        "Pass a server's TLS through for a while when clients have rejected our certificate for it that many times in a row; 0 never does."
    )
    public let passthroughSeconds = Option<Int>(
        "tls_passthrough_seconds", 600, read: .whenUsed, objection: outside(1...31_536_000),
        "How long; then it is tried again.")
    public let tcpHosts = Option<[String]>(
        "tcp_hosts", [],
        "Patterns: what goes to a matching `host:port` in tunnels and reverse mode is raw TCP, even if it looks like HTTP.")
    public let rawTCP = Option<Bool>(
        "rawtcp", true, read: .whenUsed,
        "Take what is neither TLS nor HTTP in a tunnel for raw TCP; if not, for HTTP that is wrong.")
    public let blockGlobal = Option<Bool>("block_global", true, "Refuse clients that come from public addresses.")
    public let blockPrivate = Option<Bool>(
        "block_private", false, "Refuse clients that come from private addresses, but for loopback.")
    public let intercept = Option<String?>(
        "intercept", nil, read: .whenUsed, objection: filterObjection,
        "Filter: flows that match stand still at *request* and at *response*, those of TCP and UDP at each message, until somebody resumes or kills them."
    )
    public let interceptActive = Option<Bool>("intercept_active", true, read: .whenUsed, "Whether `intercept` is followed.")
    public let interceptTimeout = Option<Double>(
        "intercept_timeout", 0, read: .whenUsed, objection: outside(0...31_536_000),
        "Seconds after which an intercepted flow goes on by itself; 0 waits for ever.")
    public let storeFlows = Option<Int>(
        "store_flows", 200, objection: outside(0...10_000_000),
        "Ended flows that are kept for `flow.list` and `flow.get`; the oldest go first. 0 keeps none.")
    public let storeBytes = Option<Int>(
        "store_bytes", 64 << 20, objection: outside(0...1 << 50),
        "Bytes of memory that those flows take at most, about, and bodies in files with them. A body in a file that is longer is not kept."
    )
    public let storeContent = Option<Bool>(
        "store_content", false, read: .whenUsed, "Keep the bodies of flows for those calls, also where nothing else needs them.")
    public let storeMessages = Option<Int>(
        "store_messages", 10_000, read: .whenUsed, objection: outside(1...10_000_000),
        "Messages that a flow of a WebSocket, TCP or UDP keeps at most; the oldest go first.")
    public let storeMessageBytes = Option<Int>(
        "store_message_bytes", 4 << 20, read: .whenUsed, objection: outside(0...1 << 50),
        "Bytes of messages that such a flow keeps at most. The newest message stays in any case.")
    public let replayConcurrency = Option<Int>(
        "client_replay_concurrency", 1, objection: outside(-1...10_000),
        "Requests that are replayed at a time; -1 replays all at once.")

    public let upstreamCert = Option<Bool>(
        "upstream_cert", true, "Connect to the server first and copy the names of its certificate into ours.")
    public let sslInsecure = Option<Bool>("ssl_insecure", false, "Do not verify servers' certificates.")
    public let trustedCA = Option<String?>(
        "ssl_verify_upstream_trusted_ca", nil, "PEM file of the authorities that servers are verified against.")
    public let trustedConfdir = Option<String?>(
        "ssl_verify_upstream_trusted_confdir", nil, "Folder of such authorities, hashed as OpenSSL does.")
    public let certs = Option<[String]>("certs", [], "Certificates of your own, `[domain=]path`: PEM with certificate and key.")
    public let certPassphrase = Option<String?>(
        "cert_passphrase", nil, isSecret: true,
        "Passphrase of the keys in `certs`, or `@` and the path of a file whose first line is that.")
    public let clientCerts = Option<String?>(
        "client_certs", nil, "Client certificate (PEM with key), or a folder of `<server name>.pem`.")
    public let requestClientCert = Option<Bool>("request_client_cert", false, "Ask clients for a certificate.")
    public let versionClientMin = Option<String>(
        "tls_version_client_min", "TLS1_2", choices: versions, "Lowest TLS version with clients.")
    public let versionClientMax = Option<String>(
        "tls_version_client_max", "UNBOUNDED", choices: versions, "Highest TLS version with clients.")
    public let versionServerMin = Option<String>(
        "tls_version_server_min", "TLS1_2", choices: versions, "Lowest TLS version with servers.")
    public let versionServerMax = Option<String>(
        "tls_version_server_max", "UNBOUNDED", choices: versions, "Highest TLS version with servers.")
    public let ciphersClient = Option<String?>("ciphers_client", nil, "Cipher suites with clients, by OpenSSL's syntax.")
    public let ciphersServer = Option<String?>("ciphers_server", nil, "Cipher suites with servers, by OpenSSL's syntax.")
    public let curveClient = Option<String?>("tls_ecdh_curve_client", nil, "Key exchange groups with clients.")
    public let curveServer = Option<String?>("tls_ecdh_curve_server", nil, "Key exchange groups with servers.")

    public init() {}
    public static let table = ProxyOptions()
    private static let filterObjection: @Sendable (String?) -> String? = { text in
        guard let text else { return nil }
        do throws(FilterError) {
            _ = try Filter(text)
            return nil
        } catch {
            return "\(error)"
        }
    }
    private static let versions = ["UNBOUNDED", "SSL3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3"]
}
