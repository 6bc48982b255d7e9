import FlowModel
import HTTPExchange
import ProxyKernel

extension Request {
    /// The request that a field section means where its session stands: which host, in which scheme.
    ///
    /// A WebSocket's extended CONNECT is shown as the handshake that it stands for (RFC 8441 5).
    init(_ block: HeaderBlock, on ground: Ground) throws(ProxyFailure) {
        self.init()
        func refuse(_ note: String) -> ProxyFailure { ProxyFailure(.badMessage(status: 400), fault: .client, note) }
        timestampStart = WallClock.now
        httpVersion = .http2
        method = block.method
        headers = block.fields
        authority = block.authority.bytes.isEmpty ? headers.first("Host") ?? "" : block.authority
        path = block.path
        if block.opensTunnel {
            guard ground.target == nil else {
                throw refuse(
                    "CONNECT to \(authority) where the server is fixed already; is the client configured to use this as a proxy?")
            }
            guard let (host, port) = Self.authority(authority.string), let port else {
                throw refuse("CONNECT to '\(authority)', expected host:port")
            }
            (self.host, self.port, path) = (host, port, "")
            return
        }
        if !block.protocol.bytes.isEmpty {
            guard block.protocol == "websocket" else {
                throw ProxyFailure(
                    .badMessage(status: 501), fault: .client,
                    "the protocol '\(block.protocol)' of CONNECT is not known, only websocket")
            }
            method = .get
            headers.append(name: "connection", value: "Upgrade")
            headers.append(name: "upgrade", value: "websocket")
            headers.append(name: "sec-websocket-key", value: WebSocketKey.random())
        }
        if let target = ground.target {
            (host, port) = (target.host, target.port)
            scheme = ground.targetUsesTLS ? .https : .http
            return
        }
        guard block.scheme == "http" || block.scheme == "https" else {
            throw refuse("the scheme '\(block.scheme)' cannot be proxied, only http and https")
        }
        scheme = block.scheme
        guard let (host, port) = Self.authority(authority.string) else {
            throw refuse("the authority '\(authority)' is not a host and port; this is a proxy, so the server must be named")
        }
        (self.host, self.port) = (host, port ?? defaultPort)
    }
}

extension Response {
    /// The response that a field section means.
    init(_ block: HeaderBlock) {
        self.init()
        httpVersion = .http2
        headers = block.fields
        statusCode = block.status
        timestampStart = WallClock.now
        content = .omitted(nil)
    }
}

extension HeaderBlock {
    /// A CONNECT that asks for a tunnel rather than for another protocol.
    var opensTunnel: Bool { method.isExactly("CONNECT") && `protocol`.bytes.isEmpty }

    /// The field section that a request in HTTP/1 stands for, as far as its stream must know it.
    init(_ request: Request) {
        self.init()
        method = request.method
    }
}
