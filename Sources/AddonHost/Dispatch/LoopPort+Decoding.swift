import AddonWire
import Codings
import FlowModel
import HTTPExchange
import ProxyKernel

/// Bodies that workers get without their content codings.
extension LoopPort {
    /// What the event shows. A body that unpacks too far fails the flow, unless that has failed already.
    @specialized(where Payload == FlowEvent)
    func decoded<Payload: HookPayload>(
        _ event: Consultation<Payload>
    ) async throws(ProxyFailure) -> Payload {
        guard let flow = event.payload.flow, flow.error == nil else {
            return shown(event.payload, event.mode, event.subscription)
        }
        var shown = event.payload
        shown.flow = try await ContentView.decoded(flow, unpacking(event)) {
            leftOut(of: flow, event.subscription, $0)
        }
        return shown
    }

    /// The reply with the changes that put content codings back on what the worker changed.
    @specialized(where Payload == FlowEvent)
    func recoded<Payload: HookPayload>(
        _ reply: Reply<Payload>, _ shown: Payload, _ event: Consultation<Payload>
    ) async throws(ProxyFailure) -> Reply<Payload> {
        guard case .changes(let changes) = reply, !changes.isEmpty else { return reply }
        var answered = shown
        for change in changes { change.apply(&answered) }
        guard let old = shown.flow, let new = answered.flow else { return reply }
        return .changes(changes + (try await ContentView.recoding(from: old, to: new, unpacking(event))))
    }

    private func unpacking<Payload: HookPayload>(_ event: Consultation<Payload>) -> Unpacking {
        Unpacking(
            limits: CodingLimits(host.options.settings), store: host.bodies, loop: loop, waiter: event.waiter)
    }

    /// Says in the log why a worker is not shown a body.
    func leftOut(of flow: HTTPFlow, _ subscription: Subscription, _ reason: String) {
        host.log.line(.debug, subscription.worker.name, "flow \(flow.id): \(reason)", flow: flow.id)
    }
}
