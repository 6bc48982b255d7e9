import FlowModel

/// How clients reach the proxy on one port: `mode[:data][@[host:]port]`.
package struct ModeSpec: Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// Clients know that they speak to a proxy.
        case regular
        /// Clients take us for the server.
        case reverse(tls: Bool, server: Address)
    }

    package let kind: Kind
    /// The address of its own, if the specification names one.
    package let listenHost: String?
    package let listenPort: Int?
    /// The specification as it was given.
    package let description: String

    /// Why a specification cannot be used: a sentence for people.
    package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// The plain forward proxy.
    package static let regular = ModeSpec(kind: .regular, listenHost: nil, listenPort: nil, description: "regular")

    private init(kind: Kind, listenHost: String?, listenPort: Int?, description: String) {
        self.kind = kind
        self.listenHost = listenHost
        self.listenPort = listenPort
        self.description = description
    }

    package init(_ text: String) throws(Failure) {
        func refuse(_ why: String) -> Failure { Failure(description: "mode '\(text)': \(why)") }
        description = text
        var rest = Substring(text)
        var listen: (host: String?, port: Int)?
        if let at = rest.lastIndex(of: "@") {
            let place = rest[rest.index(after: at)...]
            rest = rest[..<at]
            let colon = place.lastIndex(of: ":")
            let digits = colon.map { place[place.index(after: $0)...] } ?? place
            guard let port = Int(digits), (0...65535).contains(port) else {
                throw refuse("'\(digits)' is not a port (0 to 65535)")
            }
            listen = (colon.map { Self.unbracketed(place[..<$0]) }, port)
        }
        let name = rest.prefix { $0 != ":" }.lowercased()
        let data = rest.dropFirst(name.count + 1)
        switch name {
        case "regular":
            guard data.isEmpty else { throw refuse("regular takes no data") }
            kind = .regular
        case "reverse":
            guard !data.isEmpty else { throw refuse("expected reverse:http(s)://host[:port]") }
            let scheme: String
            let authority: Substring
            if let separator = data.range(of: "://") {
                scheme = data[..<separator.lowerBound].lowercased()
                authority = data[separator.upperBound...]
            } else {
                (scheme, authority) = ("https", data)
            }
            guard scheme == "http" || scheme == "https" else {
                throw refuse("scheme '\(scheme)' is not supported, only http and https")
            }
            let target = authority.hasSuffix("/") ? authority.dropLast() : authority
            guard !target.contains("/"), !target.contains("?") else { throw refuse("a path is not allowed") }
            guard !target.contains("@") else { throw refuse("credentials are not allowed") }
            guard let server = Self.address(target, defaultPort: scheme == "https" ? 443 : 80) else {
                throw refuse("'\(target)' is not host[:port]")
            }
            kind = .reverse(tls: scheme == "https", server: server)
        default: throw refuse("unknown mode '\(name)', expected regular or reverse")
        }
        (listenHost, listenPort) = (listen?.host, listen?.port)
    }

    private static func unbracketed(_ host: Substring) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
    }

    private static func address(_ text: Substring, defaultPort: Int) -> Address? {
        var host = text
        var port = defaultPort
        let tail = text.lastIndex(of: "]").map { text[$0...] } ?? text
        if let colon = tail.lastIndex(of: ":") {
            guard let given = Int(text[text.index(after: colon)...]), (1...65535).contains(given) else { return nil }
            port = given
            host = text[..<colon]
        }
        let name = unbracketed(host)
        guard !name.isEmpty, !name.contains(where: \.isWhitespace), host.hasPrefix("[") || !name.contains(":") else { return nil }
        return Address(host: name, port: port)
    }
}

extension Substring {
    /// Where `text` stands first.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
