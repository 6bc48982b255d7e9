import FlowModel
import ProxyKernel

/// Where probes are answered: on this machine alone, since anybody who reaches it may ask.
public enum ProbeAddress: Sendable, Equatable, CustomStringConvertible {
    case tcp(Address)
    case unix(path: String)

    /// Reads `HOST:PORT` or `unix:PATH`; nil if it is neither, or others can reach it.
    public init?(_ text: String) {
        if text.hasPrefix("unix:") {
            guard text.utf8.count > 5 else { return nil }
            self = .unix(path: String(text.dropFirst(5)))
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host == "localhost" { host = "127.0.0.1" }
        guard ClientAdmission.kind(of: host) == .loopback else { return nil }
        self = .tcp(Address(host: host, port: Int(port)))
    }

    static func objection(_ text: String) -> String? {
        guard ProbeAddress(text) == nil else { return nil }
        return "expected a loopback address with a port, such as 127.0.0.1:9464, or unix:PATH, found '\(text)'"
    }

    public var description: String {
        switch self {
        case .tcp(let address): "http://\(address)"
        case .unix(let path): "unix:\(path)"
        }
    }
}
