extension Request {
    /// The URL for people: host and port as the Host field names them, which may be another name than the one sent to.
    ///
    /// A Host field without a port means the scheme's own, whatever port the request goes to. Of CONNECT it is the authority.
    public var prettyURL: String {
        if method.isExactly("CONNECT") { return authority.isEmpty ? url : authority.string }
        guard let field = hostHeader?.string, !field.isEmpty else { return url }
        var pretty = self
        if let (host, port) = Self.authority(field) {
            (pretty.host, pretty.port) = (host, port ?? pretty.defaultPort)
        } else {
            (pretty.host, pretty.port) = (field, pretty.defaultPort)
        }
        return pretty.url
    }

    /// Sends the request to another URL: scheme, host, port and path, and with them the Host field and the target's authority
    /// where there were any. False, and nothing changed, if it is not an absolute `http` or `https` URL of visible ASCII.
    public mutating func move(to url: String) -> Bool {
        guard url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), let colon = url.firstIndex(of: ":") else { return false }
        let scheme = url[..<colon].lowercased()
        guard scheme == "http" || scheme == "https", url[colon...].hasPrefix("://") else { return false }
        let rest = url[colon...].dropFirst(3)
        let place = rest.prefix { !"/?#".contains($0) }
        let path = rest[place.endIndex...]
        // Credentials in a URL say nothing about where to send.
        let named = place.lastIndex(of: "@").map { place[place.index(after: $0)...] } ?? place
        guard let (host, port) = Self.authority(named.lowercased()) else { return false }
        self.scheme = ByteString(scheme)
        (self.host, self.port) = (host, port ?? defaultPort)
        self.path = ByteString(path.hasPrefix("/") ? String(path) : "/\(path)")
        if headers.contains("Host") { headers.set("Host", hostField) }
        if !authority.isEmpty { authority = hostField }
        return true
    }

    /// What the request says of its host: the Host field, or in HTTP/2 the authority.
    public var hostHeader: ByteString? {
        headers.first("Host") ?? (isHTTP2 && !authority.bytes.isEmpty ? authority : nil)
    }

    public var isHTTP2: Bool { httpVersion.isExactly("HTTP/2.0") }

    /// The Host field that names this request's host and port.
    public var hostField: ByteString {
        var field = ByteString()
        // Brackets, a colon and five digits.
        field.bytes.reserveCapacity(host.utf8.count + 8)
        let isBracketed = host.utf8.contains(UInt8(ascii: ":"))
        if isBracketed { field.bytes.append(UInt8(ascii: "[")) }
        host.withRawUTF8 { field.bytes.append(contentsOf: $0) }
        if isBracketed { field.bytes.append(UInt8(ascii: "]")) }
        guard port != defaultPort else { return field }
        field.bytes.append(UInt8(ascii: ":"))
        field.appendDecimal(port)
        return field
    }

    public var defaultPort: Int { scheme.isExactly("https") ? 443 : 80 }

    /// Host, without brackets, and port of `host[:port]`; nil if it is neither a name nor an address.
    public static func authority(_ text: String) -> (host: String, port: Int?)? {
        var host = Substring(text)
        var port: Int?
        let tail = host.lastIndex(of: "]").map { host[$0...] } ?? host
        if let colon = tail.firstIndex(of: ":") {
            let digits = host[host.index(after: colon)...]
            host = host[..<colon]
            if !digits.isEmpty {
                guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
                    (1...65535).contains(number)
                else { return nil }
                port = number
            }
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":"), host.utf8.allSatisfy({ $0.isHexDigit || $0 == 0x3A || $0 == 0x2E }) else { return nil }
            return (String(host), port)
        }
        guard !host.isEmpty, host.utf8.allSatisfy(\.isNameCharacter) else { return nil }
        return (String(host), port)
    }
}

extension UInt8 {
    fileprivate var isHexDigit: Bool { (0x30...0x39).contains(self) || (0x61...0x66).contains(self | 0x20) }
    fileprivate var isNameCharacter: Bool {
        (0x30...0x39).contains(self) || (0x61...0x7A).contains(self | 0x20) || self == 0x2D || self == 0x2E || self == 0x5F
    }
}
