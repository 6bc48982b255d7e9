import AddonWire
import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// One worker's granted wish to hear of one hook, on one connection.
final class Subscription: Sendable {
    let hook: any AnyHook
    /// The name that the worker used, which its events carry.
    let name: String
    let filter: Filter?
    let content: ContentMode
    /// The message whose body it is about, if it is about one.
    let side: MessageSide?
    /// Whether the worker is only told.
    let observes: Bool
    let timeout: Int64
    let policy: FailurePolicy
    let order: Int
    /// What of the payload is sent; nil for all.
    let selection: Selection?
    let worker: Worker
    /// How its long bodies go.
    let delivery: BodyDelivery
    let meters: HookMeters

    /// Grants what was asked for, or says what cannot be.
    init(
        _ request: HookRequest, at path: String, worker: Worker, bounds: AddonBounds, delivery: BodyDelivery
    ) throws(StateRefusal) {
        hook = request.hook
        name = request.name
        observes = request.observes || !request.hook.pauses
        // A worker may not hold a flow for longer than the operator would let it ask for.
        timeout = min(request.timeout ?? bounds.eventTimeout, max(bounds.eventTimeout, bounds.link.maximumExtension))
        policy = request.policy ?? bounds.policy
        order = request.order
        self.worker = worker
        self.delivery = delivery
        meters = HookMeters(worker.addon.name, request.hook.name, worker.host.meters.registry)
        side = request.side
        content = worker.grants.granted(request.content, of: side)
        try request.checkContent(at: path)
        selection = worker.grants.selection(try request.selection(at: path), of: request.hook.payload)
        filter = try request.readFilter(at: path)
    }

    func admits(_ flow: @autoclosure () -> AnyFlow?) -> Bool {
        let grants = worker.grants
        guard filter != nil || grants.filter != nil else { return true }
        guard let flow = flow() else { return filter == nil }
        guard grants.admits(flow) else { return false }
        guard let filter else { return true }
        return grants.shownToFilter(flow).map { filter.matches(FilteredFlow($0)) } ?? false
    }

    /// Whether a filter looks at bodies, so that they have to be there before it is asked.
    var filtersContent: Bool {
        [filter, worker.grants.filter].contains { $0.map { $0.needsRequestContent || $0.needsResponseContent } ?? false }
    }
}
