import Schema

/// The proxy by which a server is reached: `[scheme, [host, port]]`.
public struct ServerVia: Sendable, Hashable, WireValue {
    public var scheme: String
    public var address: Address

    public init(scheme: String, address: Address) {
        self.scheme = scheme
        self.address = address
    }

    private static let schemes: Set = ["http", "https", "http3", "tls", "dtls", "tcp", "udp", "dns", "quic"]

    public static var shape: Shape { .tuple([String.shape, Address.shape]) }

    public func write(_: Selection?, to writer: inout JSONWriter) {
        writer.beginArray()
        writer.string(scheme)
        address.write(to: &writer)
        writer.endArray()
    }

    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> ServerVia {
        guard let parts = json.array, parts.count == 2 else { throw .expected("[scheme, [host, port]]", at: path(), found: json) }
        let scheme = try String.read(parts[0], at: "\(path())[0]")
        guard schemes.contains(scheme) else {
            throw StateRefusal(.badState, at: "\(path())[0]", "expected a scheme such as http, https or tls, found '\(scheme)'")
        }
        return ServerVia(scheme: scheme, address: try Address.read(parts[1], at: "\(path())[1]"))
    }
}
