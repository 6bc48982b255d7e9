import FlowModel
import ProxyKernel
import Schema

/// `anticache`: takes out what lets a server answer that nothing has changed.
struct AntiCache: Rule {
    let moments: [Moment] = [.request]

    init?(_ settings: Settings) {
        guard settings[RuleOptions.table.antiCache] else { return nil }
    }

    func apply(to flow: inout HTTPFlow, at _: Moment) {
        flow.request.headers.remove("If-Modified-Since")
        flow.request.headers.remove("If-None-Match")
    }
}
