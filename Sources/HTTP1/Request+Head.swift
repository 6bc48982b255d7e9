import FlowModel
import HTTPExchange
import ProxyKernel

extension Request {
    /// Makes of a blank request the one that a head means: which host, in which scheme. `place` is where everything goes where its session
    /// stands, if that is fixed. In its place, since an initialiser that may fail would copy all of it.
    mutating func fill(from head: RequestHead, to place: (address: Address, usesTLS: Bool)?) throws(ProxyFailure) {
        func refuse(_ note: String) -> ProxyFailure { ProxyFailure(.badMessage(status: 400), fault: .client, note) }
        let target: RequestTarget
        do throws(RequestTarget.Failure) {
            target = try RequestTarget(head.target, method: head.method)
        } catch {
            throw refuse("the request target '\(head.target)' is not valid: \(error)")
        }
        timestampStart = WallClock.now
        method = head.method
        httpVersion = head.version.text
        headers = head.headers
        switch target {
        case .authority(let authority):
            guard place == nil else {
                throw refuse(
                    "CONNECT to \(authority) where the server is fixed already; is the client configured to use this as a proxy?")
            }
            guard let port = authority.port else { throw refuse("CONNECT to '\(authority)' without a port") }
            (host, self.port, path) = (authority.host, port, "")
            self.authority = ByteString(authority.description)
        case .absolute(let scheme, let authority, let path):
            guard scheme == "http" || scheme == "https" else {
                throw refuse("the scheme '\(scheme)' cannot be proxied, only http and https")
            }
            self.scheme = scheme == "https" ? .https : .http
            self.path = path
            (host, port) = (authority.host, authority.port ?? (scheme == "https" ? 443 : 80))
            if let place { go(to: place) }
            // RFC 9112 3.2.2: the target's authority replaces whatever Host says.
            if headers.first("Host").map({ !$0.equalsIgnoringCase(authority.description) }) ?? true {
                headers.set("Host", ByteString(authority.description))
            }
        case .origin(let path):
            self.path = path
            try goOrRefuse(to: place, refuse)
        case .asterisk:
            path = "*"
            try goOrRefuse(to: place, refuse)
        }
    }

    private mutating func goOrRefuse(
        to place: (address: Address, usesTLS: Bool)?, _ refuse: (String) -> ProxyFailure
    ) throws(ProxyFailure) {
        guard let place else {
            throw refuse(
                "the request names no server; this is a proxy, so a request target like http://example.org/ or CONNECT was expected"
            )
        }
        go(to: place)
    }

    private mutating func go(to place: (address: Address, usesTLS: Bool)) {
        (host, port) = (place.address.host, place.address.port)
        scheme = place.usesTLS ? .https : .http
    }
}
