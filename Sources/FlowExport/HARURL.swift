import FlowModel

/// The URL of an entry in the parts that a request has. A fragment and credentials, which are not sent, are left out.
struct HARURL {
    let scheme: String
    /// Without brackets.
    let host: String
    let port: Int
    /// With the query; other than visible ASCII is escaped.
    let path: String

    /// Nil if this is no absolute URL of `http` or `https`. `ws` and `wss` are how browsers call the same for WebSockets.
    init?(_ text: String) {
        guard let scheme = Self.scheme(text), let web = ["http": "http", "https": "https", "ws": "http", "wss": "https"][scheme],
            text.dropFirst(scheme.count).hasPrefix("://")
        else { return nil }
        let rest = text.dropFirst(scheme.count + 3)
        let authority = rest.prefix { !"/?#".contains($0) }
        let place = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        let tail = place.lastIndex(of: "]").map { place[$0...] } ?? place
        let name: Substring
        if let colon = tail.firstIndex(of: ":") {
            name = place[..<colon]
            let digits = place[place.index(after: colon)...]
            guard digits.isEmpty || digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let port = digits.isEmpty ? Self.port(web) : Int(digits), (1...65535).contains(port)
            else { return nil }
            self.port = port
        } else {
            name = place
            port = Self.port(web)
        }
        self.scheme = web
        host = String(name).withoutBrackets.lowercased()
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return nil }
        let target = Self.escaped(rest[authority.endIndex...].prefix { $0 != "#" })
        path = target.hasPrefix("/") ? target : "/\(target)"
    }

    /// True for a URL of another scheme, which browsers list among the requests: `data:`, `blob:`, `chrome-extension:`.
    static func isForeign(_ text: String) -> Bool { scheme(text).map { !["http", "https", "ws", "wss"].contains($0) } ?? false }

    private static func port(_ scheme: String) -> Int { scheme == "https" ? 443 : 80 }

    private static func scheme(_ text: String) -> String? {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let scheme = text[..<colon].lowercased()
        guard let first = scheme.first, first.isASCII, first.isLetter,
            scheme.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) })
        else { return nil }
        return scheme
    }

    private static func escaped(_ text: Substring) -> String {
        var result = ""
        for octet in text.utf8 {
            if octet > 0x20, octet < 0x7F {
                result.unicodeScalars.append(Unicode.Scalar(octet))
            } else {
                result += (octet < 16 ? "%0" : "%") + String(octet, radix: 16, uppercase: true)
            }
        }
        return result
    }
}

extension String {
    /// An address as it stands outside of URLs.
    var withoutBrackets: String { hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self }
}
