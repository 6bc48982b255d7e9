import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// A flow that stands still, and what others do to a flow while it lives.
extension Exchange: LiveFlow {
    /// Holds the flow if the operator's filter says so.
    func intercept(on session: isolated Session) async throws(ProxyFailure) {
        guard let interception = session.services.interception, interception.admits(flow) else { return }
        flow.intercepted = true
        try await hold(on: session)
    }

    /// Stands still until the flow is resumed or killed, its client leaves, or the time for it is over.
    func hold(on session: isolated Session) async throws(ProxyFailure) {
        session.log(.info, "\(flow.client.value.peername): \(flow.request.method) \(flow.request.url) is intercepted")
        let pending = Pending<Void>(on: loop)
        held = pending
        defer { held = nil }
        let seconds = session.services.settings[ProxyOptions.table.interceptTimeout]
        let alarm = seconds > 0 ? resume(pending, after: .milliseconds(Int64(min(seconds, 1e9) * 1000))) : nil
        defer { alarm?.cancel() }
        try await pending.wait(as: waiter)
        flow.intercepted = false
    }

    private func resume(_ pending: Pending<Void>, after time: TimeAmount) -> Scheduled<Void> {
        loop.scheduleTask(in: time) { pending.resume(()) }
    }

    package func apply(_ changes: [Change<HTTPFlow>]) {
        for change in changes { change.apply(&flow) }
        if flow.error?.message == FlowError.killedMessage {
            flow.error = nil
            _ = kill()
        } else if !flow.intercepted {
            _ = resume()
        }
    }

    package func resume() -> Bool {
        guard let held, held.isOpen else { return false }
        held.resume(())
        return true
    }

    package func kill() -> Bool {
        guard waiter.ended == nil, flow.error == nil else { return false }
        waiter.end(.killed("the flow was killed"))
        return true
    }
}
