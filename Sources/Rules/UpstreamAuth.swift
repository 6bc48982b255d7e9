import FlowModel
import ProxyKernel
import Schema

/// `upstream_auth`: the proxy's own credentials for the server of a reverse proxy.
struct UpstreamAuth: Rule {
    static let grammar = "`username:password`"

    let moments: [Moment] = [.requestHead]
    private let value: ByteString

    init?(_ settings: Settings) throws(OptionFailure) {
        let option = RuleOptions.table.upstreamAuth
        let value = try option.read(settings, expected: Self.grammar) { (text) throws(BadValue) -> ByteString in
            guard let colon = text.firstIndex(of: ":"), colon > text.startIndex else {
                throw BadValue("there is no name before a ':'")
            }
            var octets = Array("Basic ".utf8)
            text.withRawUTF8 { Base64.encode($0, into: &octets) }
            return ByteString(octets)
        }
        guard let value else { return nil }
        self.value = value
    }

    func apply(to flow: inout HTTPFlow, at _: Moment) {
        if flow.isToReverseProxy { flow.request.headers.set("Authorization", value) }
    }
}
