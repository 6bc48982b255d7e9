import FlowModel
import HTTPExchange
import ProxyKernel

extension Request {
    /// The request that a head means where its session stands: which host, in which scheme.
    init(_ head: RequestHead, on ground: Ground) throws(ProxyFailure) {
        self.init()
        func refuse(_ note: String) -> ProxyFailure { ProxyFailure(.badMessage(status: 400), fault: .client, note) }
        timestampStart = WallClock.now
        method = head.method
        httpVersion = ByteString(head.version.rawValue)
        headers = head.headers
        let target: RequestTarget
        do throws(RequestTarget.Failure) {
            target = try RequestTarget(head.target, method: head.method)
        } catch {
            throw refuse("the request target '\(head.target)' is not valid: \(error)")
        }
        switch target {
        case .authority(let authority):
            guard ground.target == nil else {
                throw refuse("CONNECT to \(authority) where the server is fixed already; is the client configured to use this as a proxy?")
            }
            guard let port = authority.port else { throw refuse("CONNECT to '\(authority)' without a port") }
            (host, self.port, self.authority, path) = (authority.host, port, ByteString(authority.description), "")
        case .absolute(let scheme, let authority, let path):
            guard scheme == "http" || scheme == "https" else {
                throw refuse("the scheme '\(scheme)' cannot be proxied, only http and https")
            }
            self.scheme = ByteString(scheme)
            self.path = path
            (host, port) = (authority.host, authority.port ?? (scheme == "https" ? 443 : 80))
            if ground.target != nil { place(on: ground) }
            // RFC 9112 3.2.2: the target's authority replaces whatever Host says.
            if headers.first("Host").map({ !$0.equalsIgnoringCase(authority.description) }) ?? true {
                headers.set("Host", ByteString(authority.description))
            }
        case .origin(let path):
            self.path = path
            try placeOrRefuse(on: ground, refuse)
        case .asterisk:
            path = "*"
            try placeOrRefuse(on: ground, refuse)
        }
    }

    private mutating func placeOrRefuse(on ground: Ground, _ refuse: (String) -> ProxyFailure) throws(ProxyFailure) {
        guard ground.target != nil else {
            throw refuse(
                "the request names no server; this is a proxy, so a request target like http://example.org/ or CONNECT was expected")
        }
        place(on: ground)
    }

    private mutating func place(on ground: Ground) {
        guard let target = ground.target else { return }
        (host, port) = (target.host, target.port)
        scheme = ground.targetUsesTLS ? "https" : "http"
    }
}
