import FlowModel

/// How clients reach the proxy on one port, and what it then knows of their server.
public enum ModeKind: Sendable, Hashable {
    /// Clients know that they speak to a proxy.
    case regular
    /// The system redirects clients' connections to us; it also says where they wanted to go.
    case transparent
    /// Clients name their server by SOCKS 5.
    case socks5
    /// As regular, but everything goes on to another HTTP proxy, which is spoken to over TLS if `tls`.
    case upstream(tls: Bool, proxy: Address)
    /// Clients take us for the server.
    case reverse(ReverseScheme, server: Address)
    /// Clients take us for a name server.
    case dns

    /// What a port that the mode does not name defaults to, if `listen_port` says nothing either.
    public var defaultPort: Int {
        switch self {
        case .socks5: 1080
        case .dns, .reverse(.dns, _): 53
        case .regular, .transparent, .upstream, .reverse: 8080
        }
    }

    /// The sockets that the mode listens on.
    public var transports: [Transport] {
        switch self {
        case .regular, .transparent, .socks5, .upstream: [.tcp]
        case .dns: [.tcp, .udp]
        case .reverse(let scheme, _): scheme.transports
        }
    }
}

public enum Transport: String, Sendable, Hashable {
    case tcp, udp
}

/// What the server behind a reverse proxy is spoken to in.
public enum ReverseScheme: String, Sendable, Hashable, CaseIterable {
    case https, http
    /// HTTP/2 without TLS.
    case h2c
    case tls, tcp, udp, dns

    /// The port of a server whose address names none; nil where nobody can know.
    public var serverPort: Int? {
        switch self {
        case .https: 443
        case .http, .h2c: 80
        case .dns: 53
        case .tls, .tcp, .udp: nil
        }
    }

    public var transports: [Transport] {
        switch self {
        case .https, .http, .h2c, .tls, .tcp: [.tcp]
        case .udp: [.udp]
        case .dns: [.tcp, .udp]
        }
    }

    /// Whether the server is spoken to over TLS, whatever the client speaks.
    public var usesTLS: Bool { self == .https || self == .tls }

    /// Whether all that comes is HTTP.
    public var isHTTP: Bool { self == .https || self == .http || self == .h2c }
}
