import AddonWire
import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// What a worker made of one event.
typealias LinkAnswer = Result<JSON, LinkFailure>

/// One event on its way through a link. Its fields are confined to the link's loop.
final class EventTicket: @unchecked Sendable {
    let policy: FailurePolicy
    /// Called once, on the link's loop, unless the event is cancelled.
    let complete: @Sendable (LinkAnswer) -> Void
    /// Set when the link has taken the event.
    var id: Int?
    var isCancelled = false
    /// What the bodies beside the event are called in its line.
    var carried: [ContentReference?] = []
    /// The descriptors that its answer names. Set before it is complete.
    var received: [Int: Result<OwnedDescriptor, DescriptorFailure>] = [:]

    init(policy: FailurePolicy, complete: @escaping @Sendable (LinkAnswer) -> Void) {
        self.policy = policy
        self.complete = complete
    }
}

/// An event whose answer a flow waits for.
struct Question {
    let ticket: EventTicket
    let pending: Pending<LinkAnswer>

    /// `loop` is the flow's.
    init(_ policy: FailurePolicy, on loop: any EventLoop) {
        let pending = Pending<LinkAnswer>(on: loop)
        self.pending = pending
        ticket = EventTicket(policy: policy) { pending.resume($0) }
    }
}
