import FlowModel

/// What two peers have agreed on about permessage-deflate (RFC 7692, 7.1), and what may be offered through us.
public struct Compression: Equatable, Sendable {
    public static let field: StaticString = "Sec-WebSocket-Extensions"
    static let name = "permessage-deflate"

    /// How one of the two compresses what it sends.
    public struct Way: Equatable, Sendable {
        /// A message may refer to those before it.
        public var keepsContext = true
        /// The window is two to the power of it, from 8 to 15.
        public var windowBits = 15
    }

    public var client = Way()
    public var server = Way()

    subscript(_ sender: Sender) -> Way { sender == .client ? client : server }

    /// What the response to a handshake says; nil if there is no compression.
    public static func agreed(in headers: Headers) throws(Violation) -> Compression? {
        var agreed: Compression?
        for value in headers.values(field) {
            guard let members = ExtensionMember.list(value) else {
                throw .framing(expected: "a list of extensions in \(field)", found: "'\(value)'")
            }
            for member in members {
                guard member.name == name else {
                    throw .framing(expected: "an extension that was offered, \(name) or none", found: "'\(member.text)'")
                }
                guard agreed == nil else { throw .framing(expected: "\(name) once", found: "it a second time") }
                guard let compression = Compression(member, isOffer: false) else {
                    throw .framing(expected: "the parameters of RFC 7692", found: "'\(member.text)'")
                }
                agreed = compression
            }
        }
        return agreed
    }

    /// Takes out of a handshake's request what we could not follow if the server agreed to it, and returns that.
    public static func restrictOffers(in headers: inout Headers) -> [ByteString] {
        var kept: [ByteString] = [], refused: [ByteString] = []
        for value in headers.values(field) {
            guard let members = ExtensionMember.list(value) else {
                refused.append(value)
                continue
            }
            for member in members {
                if member.name == name, Compression(member, isOffer: true) != nil {
                    kept.append(member.text)
                } else {
                    refused.append(member.text)
                }
            }
        }
        guard !refused.isEmpty else { return [] }
        if kept.isEmpty {
            headers.remove(field)
        } else {
            headers.set(field, ByteString(kept.map(\.bytes).joined(separator: Array(", ".utf8))))
        }
        return refused
    }

    init() {}

    /// Nil if the parameters are not those of the RFC, each once and with a value that it may have.
    private init?(_ member: ExtensionMember, isOffer: Bool) {
        var seen: Set<String> = []
        for parameter in member.parameters {
            guard seen.insert(parameter.name).inserted else { return nil }
            switch parameter.name {
            case "client_no_context_takeover", "server_no_context_takeover":
                guard parameter.value == nil else { return nil }
                if parameter.name.hasPrefix("client") { client.keepsContext = false } else { server.keepsContext = false }
            case "client_max_window_bits":
                // Without a value a client says that it would follow one.
                if parameter.value == nil, isOffer { continue }
                guard let bits = Self.windowBits(parameter.value) else { return nil }
                client.windowBits = bits
            case "server_max_window_bits":
                guard let bits = Self.windowBits(parameter.value) else { return nil }
                server.windowBits = bits
            default: return nil
            }
        }
    }

    private static func windowBits(_ value: String?) -> Int? {
        guard let value, value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), !value.hasPrefix("0"), let bits = Int(value)
        else {
            return nil
        }
        return (8...15).contains(bits) ? bits : nil
    }
}
