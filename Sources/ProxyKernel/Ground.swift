import FlowModel

/// What a session knows of where it stands: how the client reached us and where its messages go.
public struct Ground: Sendable {
    public var mode: ModeSpec
    /// The proxy by which all servers are reached, if there is one.
    public var via: ServerVia?
    /// Where everything goes: the reverse mode's server, or the one that the client chose for a tunnel. Nil if each request names its own.
    public var target: Address?
    /// Whether the server is spoken to over TLS, if `target` is set.
    public var targetUsesTLS = false
    /// Inside a tunnel to a server of the client's choice.
    public var isTunnel = false
    /// What may be spoken, inside TLS or not.
    public var admits = Detection.Admission.http
    /// The client speaks TLS to us.
    public var clientUsesTLS = false
    /// Whether the server is spoken to in HTTP/2 though there is no TLS in which to agree on it.
    public var cleartextHTTP2 = CleartextHTTP2.no
    /// The server name that the client asked for in TLS.
    public var serverName: String?
    private var ahead: Ahead?

    /// What was done before any request. Apart, since an idle connection has nothing of it and would keep the room.
    private final class Ahead: Sendable {
        let server: ServerKey?
        let failure: ProxyFailure?

        init?(_ server: ServerKey?, _ failure: ProxyFailure?) {
            guard server != nil || failure != nil else { return nil }
            self.server = server
            self.failure = failure
        }
    }

    public init(mode: ModeSpec) {
        self.mode = mode
        switch mode.kind {
        case .reverse(let scheme, let server):
            target = server
            targetUsesTLS = scheme.usesTLS
            cleartextHTTP2 = scheme == .h2c ? .yes : .no
            admits = scheme.isHTTP ? .http : scheme == .dns ? .dns : .raw
        case .socks5: admits = .socks
        case .upstream(let tls, let proxy): via = ServerVia(scheme: tls ? "https" : "http", address: proxy)
        case .transparent: admits = .any
        case .dns: admits = .dns
        case .regular: break
        }
    }

    /// The connection made before any request, if any.
    public var eagerServer: ServerKey? {
        get { ahead?.server }
        set { ahead = Ahead(newValue, ahead?.failure) }
    }

    /// Why the connection that should have been made before any request could not be.
    public var eagerFailure: ProxyFailure? {
        get { ahead?.failure }
        set { ahead = Ahead(ahead?.server, newValue) }
    }

    /// Clients take us for one server, and do not know that there is a proxy.
    public var isReverse: Bool { if case .reverse = mode.kind { true } else { false } }

    /// Whether the server is known, and connected to, before the client has said anything.
    var knowsServer: Bool { isReverse && admits == .raw || mode.kind == .transparent }

    /// How a server is reached: through a tunnel of the upstream proxy, straight without one.
    public func route() -> Route { Route(.asMode, via: via, asks: false) }

    /// From here on the client speaks to a server of its choice; `eager` is the connection that was made to it already.
    public mutating func enterTunnel(to target: Address, eager: ServerKey?) {
        self.target = target
        isTunnel = true
        admits = .any
        targetUsesTLS = false
        clientUsesTLS = false
        cleartextHTTP2 = .no
        eagerServer = eager
    }

    /// Whether a client that speaks TLS means that the server is spoken to over TLS as well.
    var mirrorsTLS: Bool { isTunnel || admits == .raw }
}

/// What every request asks of its session's ground, without a copy of it.
extension Session {
    /// Where everything goes, if that does not depend on the request, and whether over TLS.
    public var fixedTarget: (address: Address, usesTLS: Bool)? {
        if let target = ground.target { (target, ground.targetUsesTLS) } else { nil }
    }
    /// The Host field of a request, which most requests of a session share.
    public func hostField(of request: Request) -> ByteString {
        if let last = lastHostField, last.host == request.host, last.port == request.port, last.scheme == request.scheme {
            return last.field
        }
        let field = request.hostField
        lastHostField = (request.host, request.port, request.scheme, field)
        return field
    }
    public var isReverse: Bool { ground.isReverse }
    public var clientUsesTLS: Bool { ground.clientUsesTLS }
}

extension Session {
    /// Which connections will do for a request to that address. Fails as the one did that should have been made before any request.
    public func serverKey(
        _ address: Address, usesTLS: Bool, by way: UpstreamChoice, asksUpgrade: Bool, isReplay: Bool
    ) throws(ProxyFailure) -> ServerKey {
        let isToTarget = ground.target == address
        if isToTarget, let failure = ground.eagerFailure {
            ground.eagerFailure = nil
            throw failure
        }
        var key = ServerKey(address: address, tls: usesTLS, serverName: usesTLS ? address.host : nil)
        let isInTunnel = isToTarget && ground.isTunnel
        if isInTunnel, usesTLS, let name = ground.serverName { key.serverName = name }
        let prior = ground.cleartextHTTP2
        key.http2 = isToTarget && !usesTLS && prior != .no && (!asksUpgrade || prior == .yes)
        key.route = Route(way, via: ground.via, asks: !usesTLS && !asksUpgrade && !key.http2 && !(isInTunnel && !isReplay))
        return key
    }
}

/// Whether a server is spoken to in HTTP/2 without TLS.
public enum CleartextHTTP2: Sendable {
    case no
    /// The operator says that it speaks it.
    case yes
    /// The client speaks it and should know; the server is asked, and spoken to in HTTP/1 if it does not.
    case ifSpoken
}

/// What makes two connections to servers interchangeable.
public struct ServerKey: Sendable, Hashable {
    public var address: Address
    public var tls: Bool
    public var serverName: String?
    /// HTTP/2 by prior knowledge.
    public var http2 = false
    public var route: Route

    public init(address: Address, tls: Bool, serverName: String?, route: Route = .direct) {
        self.address = address
        self.tls = tls
        self.serverName = serverName
        self.route = route
    }
}

/// The way to a server.
public enum Route: Sendable, Hashable {
    case direct
    /// An HTTP proxy is asked for the URL of each request.
    case asked(ServerVia)
    /// An HTTP proxy passes bytes on.
    case tunnel(ServerVia)

    /// By the proxy of the mode, unless another choice was made: it is asked for each URL, or else for a tunnel.
    init(_ choice: UpstreamChoice, via: ServerVia?, asks: Bool) {
        let proxy: ServerVia? =
            switch choice {
            case .asMode: via
            case .direct: nil
            case .by(let chosen): chosen
            }
        self = proxy.map { asks ? .asked($0) : .tunnel($0) } ?? .direct
    }

    public var via: ServerVia? {
        switch self {
        case .direct: nil
        case .asked(let via), .tunnel(let via): via
        }
    }
}
