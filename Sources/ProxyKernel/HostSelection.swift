import FlowModel
import NIOCore
import Schema

/// Which servers' connections are inspected, which are passed through untouched and which are raw TCP: `allow_hosts`, `ignore_hosts`
/// and `tcp_hosts`.
///
/// A pattern is searched in `host:port` of every name that is known of a server: the address as asked for and as resolved, the
/// name in a ClientHello, and the Host field of a request that is not inside TLS.
public struct HostSelection: Sendable {
    private let allowed: [RegularExpression]
    private let ignored: [RegularExpression]
    private let raw: [RegularExpression]

    /// Nil if no host is named.
    public init?(_ settings: Settings) throws(OptionFailure) {
        allowed = try Self.patterns(ProxyOptions.table.allowHosts, settings)
        ignored = try Self.patterns(ProxyOptions.table.ignoreHosts, settings)
        raw = try Self.patterns(ProxyOptions.table.tcpHosts, settings)
        if allowed.isEmpty, ignored.isEmpty, raw.isEmpty { return nil }
    }

    private static func patterns(_ option: Option<[String]>, _ settings: Settings) throws(OptionFailure) -> [RegularExpression] {
        var patterns: [RegularExpression] = []
        for text in settings[option] {
            do throws(FilterError) {
                patterns.append(try RegularExpression(text))
            } catch {
                throw OptionFailure("option \(option.name): '\(text)': \(error.message) (at character \(error.offset + 1))")
            }
        }
        return patterns
    }

    /// Whether a server of these names is passed through.
    func passes(_ names: [String]) -> Bool {
        let isAllowed = allowed.isEmpty || names.contains { name in allowed.contains { $0.matches(name) } }
        return !isAllowed || names.contains { name in ignored.contains { $0.matches(name) } }
    }

    /// Whether what goes to a server of these names is raw TCP, whatever it looks like.
    func isRaw(_ names: [String]) -> Bool { names.contains { name in raw.contains { $0.matches(name) } } }

    var hasRaw: Bool { !raw.isEmpty }

    /// The names of a connection's server, or nil if the request's Host field is still to come.
    static func names(of address: Address, peer: Address?, _ verdict: Detection.Verdict, _ held: ByteBuffer) -> [String]? {
        var names = [address.description]
        if let peer { names.append(peer.description) }
        switch verdict {
        case .tls(let hello): if let name = hello.serverName { names.append("\(name):\(address.port)") }
        case .http:
            switch hostField(in: held) {
            case .needMore: return nil
            case .absent: break
            case .value(let value):
                let hasPort = value.split(separator: ":", omittingEmptySubsequences: false).last.map { Int($0) != nil } ?? false
                names.append(hasPort && value.contains(":") ? value : "\(value):\(address.port)")
            }
        case .http2, .raw, .socks, .dns, .needMore, .passthrough: break
        }
        return names
    }

    private enum HostField {
        case needMore, absent
        case value(String)
    }

    private static func hostField(in bytes: ByteBuffer) -> HostField {
        let text = String(decoding: bytes.readableBytesView.prefix(64 * 1024), as: UTF8.self)
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        // The last piece may be half a line.
        for line in lines.dropFirst().dropLast() {
            if line.isEmpty { return .absent }
            guard line.prefix(5).lowercased() == "host:" else { continue }
            let value = line.dropFirst(5).filter { $0 != " " && $0 != "\t" }
            return value.isEmpty ? .absent : .value(String(value))
        }
        return bytes.readableBytes < 64 * 1024 ? .needMore : .absent
    }
}
