import NIOCore

/// Where the stories of one flow stand still until it is resumed. Confined to its loop.
public final class Standstill {
    private let loop: any EventLoop
    private var standing: [Pending<Void>] = []
    /// Who asked to be told when all go on.
    private var asking: [EventLoopPromise<Void>] = []

    public init(on loop: any EventLoop) { self.loop = loop }

    /// Stands until the flow is resumed, `waiter` is ended, or `seconds` are over; 0 is for ever.
    public func stand(
        seconds: Double, as waiter: Waiter
    ) async throws(ProxyFailure) {
        let pending = Pending<Void>(on: loop)
        standing.append(pending)
        defer {
            standing.removeAll { $0 === pending }
            if standing.isEmpty {
                for promise in asking { promise.succeed() }
                asking = []
            }
        }
        let alarm = seconds > 0 ? resume(pending, after: .milliseconds(Int64(min(seconds, 1e9) * 1000))) : nil
        defer { alarm?.cancel() }
        try await pending.wait(as: waiter)
    }

    private func resume(_ pending: Pending<Void>, after time: TimeAmount) -> Scheduled<Void> {
        loop.scheduleTask(in: time) { pending.resume(()) }
    }

    /// Lets all go on; false if none stood.
    public func resume() -> Bool {
        let open = standing.filter(\.isOpen)
        for pending in open { pending.resume(()) }
        return !open.isEmpty
    }

    /// Succeeds when none stands, at once or later.
    public func whenResumed() -> EventLoopFuture<Void> {
        guard !standing.isEmpty else { return loop.makeSucceededVoidFuture() }
        let promise = loop.makePromise(of: Void.self)
        asking.append(promise)
        return promise.futureResult
    }
}
