import FlowModel

/// The four forms of a request target (RFC 9112 3.2).
public enum RequestTarget: Hashable, Sendable {
    /// Why octets are not a target for that method.
    public enum Failure: Error, Hashable, Sendable {
        /// None of the forms; a relative path, for instance.
        case noForm
        case badScheme
        case authority(Authority.Failure)
        /// `*` is for OPTIONS alone.
        case asteriskWithoutOptions
    }

    /// Path and query, beginning with `/`: the form sent to servers.
    case origin(ByteString)
    /// The form sent to proxies. The scheme is in small letters; the path with its query begins with `/`, or is `*`.
    case absolute(scheme: String, Authority, path: ByteString)
    /// The form of CONNECT; the port is never nil.
    case authority(Authority)
    /// The server as a whole, for OPTIONS.
    case asterisk

    /// Reads a target as the method makes it be read: CONNECT takes host and port and nothing else.
    public init(_ target: ByteString, method: ByteString) throws(Failure) {
        if method.isExactly("CONNECT") {
            let authority = try Self.authority(target.bytes[...])
            guard authority.port != nil else { throw .authority(.missingPort) }
            self = .authority(authority)
        } else if target.bytes.first == UInt8(ascii: "/") {
            self = .origin(target)
        } else if target.isExactly("*") {
            guard method.isExactly("OPTIONS") else { throw .asteriskWithoutOptions }
            self = .asterisk
        } else {
            self = try Self.absolute(target, method: method)
        }
    }

    private static func absolute(_ target: ByteString, method: ByteString) throws(Failure) -> RequestTarget {
        guard let colon = target.bytes.firstIndex(of: UInt8(ascii: ":")), target.bytes[(colon + 1)...].starts(with: [0x2F, 0x2F])
        else {
            throw .noForm
        }
        let scheme = target.bytes[..<colon].map(\.asciiLowercased)
        guard let first = scheme.first, first.isSchemeLetter, scheme.allSatisfy(\.isSchemeCharacter) else { throw .badScheme }
        let rest = target.bytes[(colon + 3)...]
        let pathStart =
            rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") } ?? rest.endIndex
        var path = ByteString(rest[pathStart...])
        if path.isEmpty, method.isExactly("OPTIONS") {
            // RFC 9112 3.2.4: the last proxy sends `*` for a target without a path.
            path = "*"
        } else if path.bytes.first != UInt8(ascii: "/") {
            path.bytes.insert(UInt8(ascii: "/"), at: 0)
        }
        return .absolute(scheme: String(decoding: scheme, as: UTF8.self), try authority(rest[..<pathStart]), path: path)
    }

    private static func authority(_ octets: ArraySlice<UInt8>) throws(Failure) -> Authority {
        do throws(Authority.Failure) {
            return try Authority(octets)
        } catch {
            throw .authority(error)
        }
    }
}

extension UInt8 {
    fileprivate var isSchemeLetter: Bool { self &- 0x61 < 26 }

    fileprivate var isSchemeCharacter: Bool {
        isSchemeLetter || isDigit || self == UInt8(ascii: "+") || self == UInt8(ascii: "-") || self == UInt8(ascii: ".")
    }
}
