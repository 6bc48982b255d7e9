import FlowModel
import ProxyKernel
import Schema
import Synchronization

/// `stickyauth`: remembers each host's last Authorization and gives it to requests without one.
final class StickyAuth: Rule {
    /// Hosts that are remembered at most; the first to come go first.
    private static let maximumHosts = 4096

    let moments: [Moment] = [.request]
    let filters: [Filter]
    private let remembered = Mutex(Recent<String, ByteString>(limit: StickyAuth.maximumHosts))

    init?(_ settings: Settings) throws(OptionFailure) {
        let option = RuleOptions.table.stickyAuth
        guard let filter = try option.read(settings, expected: "a filter", Segments.filter) else { return nil }
        filters = [filter]
    }

    func apply(to flow: inout HTTPFlow, at _: Moment) {
        let host = flow.request.host
        if let value = flow.request.headers.first("Authorization") {
            remembered.withLock { $0[host] = value }
        } else if filters.allSatisfy({ $0.matches(flow) }), let value = remembered.withLock({ $0[host] }) {
            flow.request.headers.set("Authorization", value)
        }
    }
}
