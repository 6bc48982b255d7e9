import FlowModel
import ProxyKernel
import Schema

/// `anticomp`: asks servers for bodies as they are.
struct AntiComp: Rule {
    let moments: [Moment] = [.request]

    init?(_ settings: Settings) {
        guard settings[RuleOptions.table.antiComp] else { return nil }
    }

    func apply(to flow: inout HTTPFlow, at _: Moment) { flow.request.headers.set("Accept-Encoding", "identity") }
}
