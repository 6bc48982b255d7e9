import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// The events of a query's flow, its standstills, and what others do to it while it lives.
extension DNSExchange: TrackedFlow {
    /// How log lines name the flow.
    var label: String {
        "\(flow.client.value.peername): DNS \(flow.request.questions.first?.name ?? "without a question")"
    }

    /// Fires a hook and applies what came of it. Stands still if a worker wants it to, but for the last event.
    func fire(_ hook: Hook<DNSFlowEvent>) async throws(ProxyFailure) {
        guard hooks.hasListeners(hook) else { return }
        let outcome = try await hooks.fire(hook, DNSFlowEvent(flow), waiter: waiter)
        // The flow may have been edited meanwhile.
        var event = DNSFlowEvent(flow)
        for change in outcome.failure == nil ? outcome.changes : outcome.remains { change.apply(&event) }
        flow = event.carried
        if let failure = outcome.failure { throw failure }
        if flow.intercepted, hook !== DNSHooks.table.error { try await hold() }
    }

    /// Holds the flow if the operator's filter says so.
    func intercept() async throws(ProxyFailure) {
        guard let interception = services.present.interception, interception.admits(.dns(flow)) else { return }
        flow.intercepted = true
        try await hold()
    }

    private func hold() async throws(ProxyFailure) {
        services.logger.info("\(label) is intercepted")
        let seconds = services.settings[ProxyOptions.table.interceptTimeout]
        try await standstill.stand(seconds: seconds, as: waiter)
        flow.intercepted = false
    }

    var anyFlow: AnyFlow { .dns(flow) }
    var isLive: Bool { true }
    var isKillable: Bool { waiter.ended == nil && flow.error == nil }
    func resume() -> Bool { standstill.resume() }
    func whenResumed() -> EventLoopFuture<Void> { standstill.whenResumed() }

    func kill() -> Bool {
        guard isKillable else { return false }
        waiter.end(.killed("the flow was killed"))
        return true
    }

    func edit(_ change: (inout AnyFlow) -> Void) {
        var any = anyFlow
        change(&any)
        guard case .dns(let edited) = any else { return }
        flow = edited
        if flow.error?.message == FlowError.killedMessage {
            flow.error = nil
            _ = kill()
        } else if !flow.intercepted {
            _ = resume()
        }
    }
}
