import FlowModel

/// Reads the parts of a mode's specification.
enum ModeGrammar {
    typealias Reason = ModeSpec.Reason

    private static let names = "regular, transparent, socks5, upstream:PROXY, reverse:SERVER or dns"
    /// mitmproxy's modes that need a driver of the system's.
    private static let foreign: Set = ["wireguard", "local", "tun", "osproxy"]

    /// Parts the place to listen at from what is before it.
    static func split(_ text: String) throws(Reason) -> (Substring, place: (host: String?, port: Int)?) {
        guard let at = text.lastIndex(of: "@") else { return (text[...], nil) }
        let place = text[text.index(after: at)...]
        let colon = place.lastIndex(of: ":")
        let digits = colon.map { place[place.index(after: $0)...] } ?? place
        guard let port = port(digits, 0...65535) else { throw Reason("'\(digits)' is not a port (0 to 65535)") }
        return (text[..<at], (colon.map { unbracketed(place[..<$0]) }, port))
    }

    /// `name[:data]`; `namesPlace` says that something stood behind an `@`.
    static func kind(_ text: Substring, namesPlace: Bool) throws(Reason) -> ModeKind {
        let name = text.prefix { $0 != ":" }.lowercased()
        let data = text.dropFirst(name.count + 1)
        if let plain = plain(name) {
            guard data.isEmpty else { throw Reason("\(name) takes no data") }
            return plain
        }
        switch name {
        case "upstream": return try upstream(data, namesPlace)
        case "reverse": return try reverse(data, namesPlace)
        case _ where foreign.contains(name): throw Reason("\(name) is not supported, expected \(names)")
        default: throw Reason("unknown mode '\(name)', expected \(names)")
        }
    }

    private static func plain(_ name: String) -> ModeKind? {
        switch name {
        case "regular": .regular
        case "transparent": .transparent
        case "socks5": .socks5
        case "dns": .dns
        default: nil
        }
    }

    private static func upstream(_ data: Substring, _ namesPlace: Bool) throws(Reason) -> ModeKind {
        guard !data.isEmpty else { throw Reason("expected upstream:[http[s]://]host[:port]") }
        let (scheme, authority) = scheme(of: data) ?? ("http", data)
        guard scheme == "http" || scheme == "https" else {
            throw Reason("scheme '\(scheme)' is not supported, only http and https")
        }
        let hint = "credentials are not allowed; set the option upstream_auth"
        let proxy = try server(authority, scheme == "https" ? 443 : 80, credentials: hint, namesPlace)
        return .upstream(tls: scheme == "https", proxy: proxy)
    }

    private static func reverse(_ data: Substring, _ namesPlace: Bool) throws(Reason) -> ModeKind {
        guard !data.isEmpty else { throw Reason("expected reverse:[scheme://]host[:port]") }
        let (word, authority) = scheme(of: data) ?? ("https", data)
        guard let scheme = ReverseScheme(rawValue: word) else {
            let known = ReverseScheme.allCases.map(\.rawValue).joined(separator: ", ")
            throw Reason("scheme '\(word)' is not supported, only \(known)")
        }
        return .reverse(
            scheme, server: try server(authority, scheme.serverPort, credentials: "credentials are not allowed", namesPlace))
    }

    private static func scheme(of data: Substring) -> (String, Substring)? {
        guard let colon = data.firstIndex(of: ":"), data[colon...].hasPrefix("://") else { return nil }
        return (data[..<colon].lowercased(), data[colon...].dropFirst(3))
    }

    /// `host[:port]`, perhaps with a slash behind it.
    private static func server(_ text: Substring, _ defaultPort: Int?, credentials: String, _ namesPlace: Bool) throws(Reason)
        -> Address
    {
        let target = text.hasSuffix("/") ? text.dropLast() : text
        guard !target.contains("@") else { throw Reason(credentials) }
        guard !target.contains("/"), !target.contains("?") else { throw Reason("a path is not allowed") }
        guard let (host, port) = address(target) else {
            // `user:word@host:1` reads as a server with a bad port and a place to listen at.
            throw Reason("'\(target)' is not host[:port]" + (namesPlace ? "; \(credentials)" : ""))
        }
        guard let port = port ?? defaultPort else { throw Reason("'\(target)' must name its port, as in \(target):1234") }
        return Address(host: host, port: port)
    }

    private static func address(_ text: Substring) -> (host: String, port: Int?)? {
        var host = text
        var number: Int?
        let tail = text.lastIndex(of: "]").map { text[$0...] } ?? text
        if let colon = tail.lastIndex(of: ":") {
            number = port(text[text.index(after: colon)...], 1...65535)
            guard number != nil else { return nil }
            host = text[..<colon]
        }
        let name = unbracketed(host)
        guard !name.isEmpty, !name.contains(where: \.isWhitespace), host.hasPrefix("[") || !name.contains(":") else { return nil }
        return (name, number)
    }

    /// Digits alone, without the signs that `Int` would take.
    private static func port(_ digits: Substring, _ range: ClosedRange<Int>) -> Int? {
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits), range.contains(port) else {
            return nil
        }
        return port
    }

    private static func unbracketed(_ host: Substring) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
    }
}
