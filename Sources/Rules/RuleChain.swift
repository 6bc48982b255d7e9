import FlowModel
import HTTPExchange
import Logging
import NIOCore
import ProxyKernel
import SOCKS
import Schema

/// The rules that are set, in mitmproxy's order: some act before the addons see a flow, some after them.
public struct RuleChain: Sendable {
    /// What is to be done at one hook.
    struct Steps: Sendable {
        let moment: Moment
        let before: [any Rule]
        let after: [any Rule]
    }

    private let all: [any Rule]
    /// It has a say outside of HTTP too.
    let proxyAuth: ProxyAuth?
    /// By the hooks' indices.
    private let steps: [Steps?]

    /// Reads the options of `RuleOptions`; the first that cannot be read is the failure. `recorded` are the flows whose responses
    /// `server_replay` gives.
    public init(_ settings: Settings, recorded: [HTTPFlow] = [], logger: Logger) throws(OptionFailure) {
        let proxyAuth = try ProxyAuth(settings)
        let before: [(any Rule)?] = [try BlockList(settings), AntiCache(settings), AntiComp(settings), proxyAuth]
        let after: [(any Rule)?] = [
            ServerReplay(settings, recorded, logger), try MapRemote(settings, logger), try MapLocal(settings, logger),
            try ModifyBody(settings, logger), try ModifyHeaders(settings, logger), try StickyAuth(settings),
            try StickyCookie(settings), try UpstreamAuth(settings),
        ]
        self.init(before: before.compactMap { $0 }, after: after.compactMap { $0 }, proxyAuth: proxyAuth)
    }

    init(before: [any Rule], after: [any Rule], proxyAuth: ProxyAuth? = nil) {
        self.proxyAuth = proxyAuth
        all = before + after
        var steps = [Steps?](repeating: nil, count: 1 + (Moment.allCases.map(\.hook.index).max() ?? 0))
        for moment in Moment.allCases {
            let here = Steps(
                moment: moment, before: before.filter { $0.moments.contains(moment) },
                after: after.filter { $0.moments.contains(moment) })
            if !here.before.isEmpty || !here.after.isEmpty { steps[moment.hook.index] = here }
        }
        self.steps = steps
    }

    /// A port that runs the rules around the addons; with no rule set, the addons' own.
    public func port(around inner: any HookPort, on loop: any EventLoop) -> any HookPort {
        all.isEmpty ? inner : RulePort(self, around: inner, on: loop)
    }

    /// Whether something is to be done at the hook.
    func hears(_ hook: any AnyHook) -> Bool { steps(at: hook) != nil || proxyAuth != nil && hook === SOCKSHooks.table.auth }

    func steps(at hook: any AnyHook) -> Steps? { hook.index < steps.count ? steps[hook.index] : nil }

    /// Whether a rule must have the body that the hook, *request* or *response*, is about.
    ///
    /// A filter of any moment may look at the request's body, so that is asked for while there is still time.
    func needsContent(_ hook: any AnyHook, of flow: HTTPFlow) -> Bool {
        if hook === HTTPHooks.table.request {
            return all.contains { $0.filters.contains(where: \.needsRequestContent) || $0.needsContent(at: .request, of: flow) }
        }
        guard hook === HTTPHooks.table.response, flow.response != nil, let steps = steps(at: hook) else { return false }
        return (steps.before + steps.after).contains {
            $0.filters.contains(where: \.needsResponseContent) || $0.needsContent(at: .response, of: flow)
        }
    }

    func clientLeft(_ id: String) { for rule in all { rule.clientLeft(id) } }
}
