import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// A flow that stands still, and what others do to a flow while it lives.
extension Exchange: TrackedFlow {
    /// Whether the operator's filter says that the flow is to stand still now.
    func isIntercepted(on session: isolated Session) -> Bool {
        guard let interception = session.present.interception, interception.admits(anyFlow) else { return false }
        flow.intercepted = true
        return true
    }

    /// Stands still until the flow is resumed or killed, its client leaves, or the time for it is over. `waiter` is of the story that does.
    public func hold(as waiter: Waiter, on session: isolated Session) async throws(ProxyFailure) {
        session.log(.info, "\(flow.client.value.peername): \(flow.request.method) \(flow.request.url) is intercepted")
        let seconds = session.services.settings[ProxyOptions.table.interceptTimeout]
        try await standstill.stand(seconds: seconds, as: waiter)
        flow.intercepted = false
    }

    public var isLive: Bool { true }
    public var isKillable: Bool { waiter.ended == nil && flow.error == nil }

    public func whenResumed() -> EventLoopFuture<Void> { standstill.whenResumed() }

    public var anyFlow: AnyFlow { .http(boxedFlow) }

    public func edit(_ change: (inout AnyFlow) -> Void) {
        flow.change(change)
        if flow.error?.message == FlowError.killedMessage {
            flow.error = nil
            _ = kill()
        } else if !flow.intercepted {
            _ = resume()
        }
    }

    public func resume() -> Bool { standstill.resume() }

    public func inject(_ message: Injection) throws(InjectionRefusal) {
        guard let injector else { throw InjectionRefusal("the flow is no open WebSocket") }
        try injector(message)
    }

    public func kill() -> Bool {
        guard isKillable else { return false }
        waiter.end(.killed("the flow was killed"))
        return true
    }
}
