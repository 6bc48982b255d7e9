import FlowModel
import ProxyKernel
import Schema

/// `upstream_auth`: the proxy's own credentials for the server of a reverse proxy, or for the upstream proxy.
struct UpstreamAuth: Rule {
    static let grammar = "`username:password`, or `@` and the path of a file whose first line is that"

    let moments: [Moment] = [.connectUpstream, .requestHead]
    private let value: ByteString
    /// Where replayed requests go, whoever sent them once.
    private let replaysGoUpstream: Bool

    init?(_ settings: Settings) throws(OptionFailure) {
        let option = RuleOptions.table.upstreamAuth
        let value = try option.read(settings, expected: Self.grammar) { (text) throws(BadValue) -> ByteString in
            let words = try Self.words(text)
            guard let colon = words.firstIndex(of: ":"), colon > words.startIndex else {
                throw BadValue("there is no name before a ':'")
            }
            var octets = Array("Basic ".utf8)
            words.withRawUTF8 { Base64.encode($0, into: &octets) }
            return ByteString(octets)
        }
        guard let value else { return nil }
        self.value = value
        replaysGoUpstream = settings[ProxyOptions.table.mode].first.map(Self.isUpstream) ?? false
    }

    private static func words(_ text: String) throws(BadValue) -> String {
        guard text.hasPrefix("@") else { return text }
        let contents = try LocalFile.read(LocalFile.expanded(String(text.dropFirst())))
        return String(decoding: contents.prefix { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self)
    }

    private static func isUpstream(_ mode: String) -> Bool { mode.lowercased().hasPrefix("upstream") }

    func apply(to flow: inout HTTPFlow, at moment: Moment) {
        if moment == .connectUpstream || moment == .requestHead && asksProxy(flow) {
            flow.request.headers.set("Proxy-Authorization", value)
        } else if flow.isToReverseProxy {
            flow.request.headers.set("Authorization", value)
        }
    }

    /// Whether the upstream proxy reads the request: it is neither in a tunnel nor inside TLS.
    private func asksProxy(_ flow: HTTPFlow) -> Bool {
        guard flow.request.scheme == "http" else { return false }
        if flow.isReplay != nil { return replaysGoUpstream }
        return Self.isUpstream(flow.client.value.proxyMode) && flow.server.value.address == nil
    }
}
