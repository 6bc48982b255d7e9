import FlowModel
import NIOCore
import Schema

/// A payload that hooks carry to workers.
public protocol HookPayload: Record {
    /// The HTTP flow that it carries, if any: whose contents are shown or left out.
    var flow: HTTPFlow? { get set }
    /// The flow of any type that it carries, if any: what filters look at.
    var anyFlow: AnyFlow? { get }
    /// The client's connection that it is about, if any.
    var anyClient: Client? { get }
    /// The bodies of that flow that are still on their way.
    var bodies: FlowBodies? { get }
    /// Leaves out the messages of the flow that the event is not about: for workers that did not ask for contents.
    mutating func leaveOutMessages()
}

extension HookPayload {
    public var flow: HTTPFlow? {
        get { nil }
        set {}
    }
    public var bodies: FlowBodies? { nil }
    public var anyClient: Client? { anyFlow?.record.client.value }
    public var clientID: String? { anyClient?.id }
    public var anyFlow: AnyFlow? { flow.map(\.any) }
    public mutating func leaveOutMessages() {}
}

/// What came of firing a hook: validated changes, to be applied by the caller to the live value.
public struct HookOutcome<Payload: HookPayload>: Sendable {
    public var changes: [Change<Payload>] = []
    /// Set if a worker asked to kill the flow, or failed under the policy `kill`. The changes are not to be applied then.
    public var failure: ProxyFailure?
    /// What stays of the flow in spite of a failure, such as a note of why it was ended.
    public var remains: [Change<Payload>] = []

    public init(changes: [Change<Payload>] = [], failure: ProxyFailure? = nil) {
        self.changes = changes
        self.failure = failure
    }

    /// Applies the changes, or throws the failure.
    public func apply(to payload: inout Payload) throws(ProxyFailure) {
        if let failure { throw failure }
        for change in changes { change.apply(&payload) }
    }
}

/// What listeners need of a flow's bodies before a hook fires, the greater need last.
public enum ContentNeed: Int, Comparable, Sendable {
    case nothing
    /// All of it; those that do would rather have it as a file.
    case file
    /// All of it, as a file only if it is too long for what they share with the core.
    case longFile
    /// All of it.
    case bytes

    /// From which length on a body is best held in a memory file; nil for none.
    public var fileBound: Int? {
        switch self {
        case .nothing, .file: BodyStore.worthMapping
        case .longFile: BodyStore.copiedSoon + 1
        case .bytes: nil
        }
    }

    public static func < (left: ContentNeed, right: ContentNeed) -> Bool { left.rawValue < right.rawValue }
}

/// How the core speaks to whoever listens to its hooks. One port an event loop; confined to it.
public protocol HookPort: AnyObject, Sendable {
    /// Whether anybody listens to the hook at all: one table look-up.
    func hasListeners(_ hook: any AnyHook) -> Bool
    /// What the listeners whose filters admit the flow need of its bodies before the hook fires.
    func contentNeed(_ hook: any AnyHook, of flow: HTTPFlow) -> ContentNeed
    /// Sends the event to each listener in order, each seeing the changes of those before it, and waits for their answers.
    ///
    /// Ends at the latest by the listeners' deadlines, or when `waiter` is ended: then the workers are sent `cancel`.
    func fire<Payload: HookPayload>(
        _ hook: Hook<Payload>, _ payload: Payload, waiter: Waiter?
    ) async throws(ProxyFailure) -> HookOutcome<Payload>
    /// Sends the event without waiting for anybody.
    func notify<Payload: HookPayload>(_ hook: Hook<Payload>, _ payload: Payload)
}

extension HookPort {
    /// Fires the hook if anybody listens, and applies what came of it.
    public func run<Payload: HookPayload>(
        _ hook: Hook<Payload>, _ payload: inout Payload, waiter: Waiter?
    ) async throws(ProxyFailure) {
        guard hasListeners(hook) else { return }
        try await fire(hook, payload, waiter: waiter).apply(to: &payload)
    }
}
