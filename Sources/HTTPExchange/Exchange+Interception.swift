import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// A flow that stands still, and what others do to a flow while it lives.
extension Exchange: TrackedFlow {
    /// Holds the flow if the operator's filter says so.
    func intercept(on session: isolated Session) async throws(ProxyFailure) {
        guard let interception = session.services.interception, interception.admits(.http(flow)) else { return }
        flow.intercepted = true
        try await hold(on: session)
    }

    /// Stands still until the flow is resumed or killed, its client leaves, or the time for it is over.
    func hold(on session: isolated Session) async throws(ProxyFailure) {
        session.log(.info, "\(flow.client.value.peername): \(flow.request.method) \(flow.request.url) is intercepted")
        let pending = Pending<Void>(on: loop)
        held = pending
        defer {
            held = nil
            for promise in awaitingResumption { promise.succeed() }
            awaitingResumption = []
        }
        let seconds = session.services.settings[ProxyOptions.table.interceptTimeout]
        let alarm = seconds > 0 ? resume(pending, after: .milliseconds(Int64(min(seconds, 1e9) * 1000))) : nil
        defer { alarm?.cancel() }
        try await pending.wait(as: waiter)
        flow.intercepted = false
    }

    private func resume(_ pending: Pending<Void>, after time: TimeAmount) -> Scheduled<Void> {
        loop.scheduleTask(in: time) { pending.resume(()) }
    }

    package var isLive: Bool { true }
    package var isKillable: Bool { waiter.ended == nil && flow.error == nil }

    package func whenResumed() -> EventLoopFuture<Void> {
        guard held != nil else { return loop.makeSucceededVoidFuture() }
        let promise = loop.makePromise(of: Void.self)
        awaitingResumption.append(promise)
        return promise.futureResult
    }

    package var anyFlow: AnyFlow { .http(flow) }

    package func edit(_ change: (inout AnyFlow) -> Void) {
        flow.change(change)
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
        guard isKillable else { return false }
        waiter.end(.killed("the flow was killed"))
        return true
    }
}
