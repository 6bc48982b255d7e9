import AddonWire
import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// What a worker made of one event.
typealias LinkAnswer = Result<JSON, LinkFailure>

/// One event on its way through a link, which a flow may wait for. Its fields are confined to the link's loop, but for the answer.
final class EventTicket: Suspension, @unchecked Sendable {
    let policy: FailurePolicy
    /// Who takes the answer in place of one that waits; called once, on the link's loop, unless the event is cancelled.
    private let taker: (@Sendable (LinkAnswer) -> Void)?
    /// On the loop of who waits.
    private var answer: LinkAnswer?
    /// Set when the link has taken the event.
    var id: Int?
    var isCancelled = false
    /// What the bodies beside the event are called in its line.
    var carried: [ContentReference?] = []
    /// Where bodies stand that the worker may change there. Set before it is submitted.
    var slots: [BodyArea.Slot] = []
    /// The descriptors that its answer names. Set before it is complete.
    var received: [Int: Result<OwnedDescriptor, DescriptorFailure>] = [:]

    /// `loop` is that of who waits.
    init(policy: FailurePolicy, on loop: any EventLoop, taker: (@Sendable (LinkAnswer) -> Void)? = nil) {
        self.policy = policy
        self.taker = taker
        super.init(on: loop)
    }

    /// The event has ended; once, on the link's loop.
    func complete(_ answer: consuming LinkAnswer) {
        if let taker { taker(answer) } else { resume(answer) }
    }

    private func resume(_ answer: consuming LinkAnswer) {
        guard loop.inEventLoop else {
            return loop.execute { [answer] in self.resume(answer) }
        }
        guard isOpen else { return }
        self.answer = answer
        end()
    }

    /// Waits for the answer. Call once.
    @inline(__always)
    func wait(as waiter: Waiter?) async throws(ProxyFailure) -> LinkAnswer {
        try await suspend(as: waiter)
        guard let answer = answer.take() else { fatalError("an event ended without an answer") }
        return answer
    }
}
