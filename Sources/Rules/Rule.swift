import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// One rule of the operator: what the proxy itself does to flows. Any loop may use it.
protocol Rule: Sendable {
    /// When it acts.
    var moments: [Moment] { get }
    /// The filters that decide for which flows it acts.
    var filters: [Filter] { get }
    /// Whether it reads or replaces the flow's body in `request` or `response`, asked once the head of that side is there.
    func needsContent(at moment: Moment, of flow: HTTPFlow) -> Bool
    /// What must be worked out before `apply` and takes too long for an event loop; it runs on another thread. Nil for nothing.
    func preparation(for flow: HTTPFlow, at moment: Moment) -> (@Sendable () -> Void)?
    /// Does what the rule says to a flow that has not failed. Throws if the flow is to be ended; what it did until then stays.
    func apply(to flow: inout HTTPFlow, at moment: Moment) throws(ProxyFailure)
    /// The client's connection is closed: what is kept for it can go.
    func clientLeft(_ id: String)
}

extension Rule {
    var filters: [Filter] { [] }
    func needsContent(at _: Moment, of _: HTTPFlow) -> Bool { false }
    func preparation(for _: HTTPFlow, at _: Moment) -> (@Sendable () -> Void)? { nil }
    func clientLeft(_: String) {}
}

/// When in a flow's life a rule can act.
enum Moment: CaseIterable {
    case connect, connectUpstream, requestHead, request, responseHead, response

    var hook: Hook<FlowEvent> {
        switch self {
        case .connect: HTTPHooks.table.connect
        case .connectUpstream: HTTPHooks.table.connectUpstream
        case .requestHead: HTTPHooks.table.requestheaders
        case .request: HTTPHooks.table.request
        case .responseHead: HTTPHooks.table.responseheaders
        case .response: HTTPHooks.table.response
        }
    }
}

extension Filter {
    func matches(_ flow: HTTPFlow) -> Bool { matches(FilteredFlow(flow)) }
}

extension HTTPFlow {
    /// Whether its client knows that it speaks to an HTTP proxy.
    var isToHTTPProxy: Bool { ["regular", "upstream"].contains { client.value.proxyMode.lowercased().hasPrefix($0) } }
    /// Whether its client takes us for the server.
    var isToReverseProxy: Bool { client.value.proxyMode.lowercased().hasPrefix("reverse") }
}

extension Response {
    /// A response of the proxy's own.
    static func made(_ status: Int, _ headers: [(String, String)] = [], _ body: [UInt8] = []) -> Response {
        var response = Response()
        response.statusCode = status
        response.reason = ByteString(Statuses.reason[status] ?? "")
        response.headers = Headers([("Server", "weir")] + headers)
        response.content = .bytes(.init(bytes: body))
        return response
    }
}
