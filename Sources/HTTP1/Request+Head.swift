import FlowModel
import HTTPExchange
import ProxyKernel

extension Request {
    /// The request that a head means: which host, in which scheme. `place` is where everything goes where its session stands, if that is
    /// fixed.
    static func meant(by head: RequestHead, to place: (address: Address, usesTLS: Bool)?) throws(ProxyFailure) -> Request {
        func refuse(_ note: String) -> ProxyFailure { ProxyFailure(.badMessage(status: 400), fault: .client, note) }
        let target: RequestTarget
        do throws(RequestTarget.Failure) {
            target = try RequestTarget(head.target, method: head.method)
        } catch {
            throw refuse("the request target '\(head.target)' is not valid: \(error)")
        }
        var request = Request()
        request.timestampStart = WallClock.now
        request.method = head.method
        request.httpVersion = head.version.text
        request.headers = head.headers
        switch target {
        case .authority(let authority):
            guard place == nil else {
                throw refuse(
                    "CONNECT to \(authority) where the server is fixed already; is the client configured to use this as a proxy?")
            }
            guard let port = authority.port else { throw refuse("CONNECT to '\(authority)' without a port") }
            (request.host, request.port, request.path) = (authority.host, port, "")
            request.authority = ByteString(authority.description)
        case .absolute(let scheme, let authority, let path):
            guard scheme == "http" || scheme == "https" else {
                throw refuse("the scheme '\(scheme)' cannot be proxied, only http and https")
            }
            request.scheme = scheme == "https" ? .https : .http
            request.path = path
            (request.host, request.port) = (authority.host, authority.port ?? (scheme == "https" ? 443 : 80))
            if let place { request.go(to: place) }
            // RFC 9112 3.2.2: the target's authority replaces whatever Host says.
            if request.headers.first("Host").map({ !$0.equalsIgnoringCase(authority.description) }) ?? true {
                request.headers.set("Host", ByteString(authority.description))
            }
        case .origin(let path):
            request.path = path
            try request.goOrRefuse(to: place, refuse)
        case .asterisk:
            request.path = "*"
            try request.goOrRefuse(to: place, refuse)
        }
        return request
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
