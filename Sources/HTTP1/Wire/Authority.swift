import FlowModel

/// A host and, where it was spelled out, a port: `example.com`, `192.0.2.1:80`, `[2001:db8::1]:443`.
public struct Authority: Hashable, Sendable, CustomStringConvertible {
    /// Why octets are not an authority.
    public enum Failure: Error, Hashable, Sendable {
        case userinfo
        case emptyHost
        case badHost
        case badPort
        case missingPort
    }

    /// A name or address in the case it was written in; an IPv6 address stands without its brackets.
    public var host: String
    /// 1 to 65535, or nil when none was written.
    public var port: Int?

    /// An authority from its parts; nothing is checked.
    public init(host: String, port: Int? = nil) {
        self.host = host
        self.port = port
    }

    /// Reads an authority without userinfo, which nobody may send to a proxy (RFC 9110 4.2.4).
    public init(_ octets: some Sequence<UInt8>) throws(Failure) {
        let text = Array(octets)
        let parts = try text.withUnsafeBytes { octets in Self.split(octets) }.get()
        self.init(host: String(decoding: text[parts.host], as: UTF8.self), port: parts.port)
    }

    /// As it is written into a target or a Host field, brackets included.
    public var description: String {
        let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        return port.map { "\(name):\($0)" } ?? name
    }

    /// True when the octets can be read as an authority; makes no strings.
    static func isWellFormed(_ octets: UnsafeRawBufferPointer) -> Bool {
        if case .success = split(octets) { return true }
        return false
    }

    private static func split(_ octets: UnsafeRawBufferPointer) -> Result<(host: Range<Int>, port: Int?), Failure> {
        if octets.contains(UInt8(ascii: "@")) { return .failure(.userinfo) }
        let host: Range<Int>
        let rest: Int
        if octets.first == UInt8(ascii: "[") {
            guard let end = octets.firstIndex(of: UInt8(ascii: "]")) else { return .failure(.badHost) }
            host = 1..<end
            rest = end + 1
            guard octets.part(host).isIPv6Address else { return .failure(.badHost) }
        } else {
            rest = octets.firstIndex(of: UInt8(ascii: ":")) ?? octets.count
            host = 0..<rest
            guard !host.isEmpty else { return .failure(.emptyHost) }
            guard octets.part(host).allSatisfy(\.isHostCharacter) else { return .failure(.badHost) }
        }
        guard rest < octets.count else { return .success((host, nil)) }
        guard octets[rest] == UInt8(ascii: ":") else { return .failure(.badHost) }
        let digits = octets.part((rest + 1)..<octets.count)
        guard digits.count <= 5, let port = digits.decimal(), (1...65535).contains(port) else { return .failure(.badPort) }
        return .success((host, port))
    }
}

extension UInt8 {
    /// True for `unreserved`, `pct-encoded` and `sub-delims` of RFC 3986, of which registered names are made.
    fileprivate var isHostCharacter: Bool {
        switch self {
        case UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "#"): false
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="): true
        // Every other token character is one, and nothing else is.
        default: isTokenCharacter
        }
    }
}
