import AddonHost
import AddonWire
import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel
import Schema

/// An event that a worker can be sent, of real shape, and the core's own reading of what it answers.
struct Sample: Sendable {
    let hook: any AnyHook
    /// The flow that it carries, if any: what filters look at.
    let flow: AnyFlow?
    private let show: @Sendable (ContentMode, MessageSide?, Content?) -> Shown

    /// The event as one hook shows it.
    struct Shown: Sendable {
        /// The members of `params`, of a selection where there is one.
        let write: @Sendable (Selection?, inout JSONWriter) -> Void
        /// The whole state after an answer; throws where the core would refuse it.
        let judge: @Sendable (JSON) throws(StateRefusal) -> JSON
    }

    init<Payload: HookPayload>(_ hook: Hook<Payload>, _ payload: Payload) {
        self.hook = hook
        flow = payload.anyFlow
        show = { mode, side, content in
            var shown = Self.shown(payload, mode)
            if let side, let content { shown.flow?.set(content, of: side) }
            let event = shown
            return Shown(
                write: { event.writeMembers($0, to: &$1) },
                judge: { (result) throws(StateRefusal) in try Self.state(after: result, event, hook) })
        }
    }

    /// As a hook with this content mode is shown it, with other content on one side where it comes in another way.
    func shown(_ mode: ContentMode, _ side: MessageSide? = nil, _ content: Content? = nil) -> Shown { show(mode, side, content) }

    private static func shown<Payload: HookPayload>(_ payload: Payload, _ mode: ContentMode) -> Payload {
        guard !mode.isWhole else { return payload }
        var shown = payload
        shown.flow?.mapContents { $0.isHeld ? .omitted($0.size) : $0 }
        shown.leaveOutMessages()
        return shown
    }

    private static func state<Payload: HookPayload>(
        after result: JSON, _ shown: Payload, _ hook: any AnyHook
    ) throws(StateRefusal) -> JSON {
        guard result.object != nil else { throw .expected("an object", at: "result", found: result) }
        let changes = try Payload.changes(from: shown, to: result, at: "", access: .writable)
        try StreamedBodies.check(changes, of: shown.flow, in: hook)
        if let kill = result["kill"], kill.bool == nil { throw .expected("a boolean", at: "kill", found: kill) }
        _ = try result.object?.word("more", BodyOffer.More.self, at: "")
        var answered = shown
        for change in changes { change.apply(&answered) }
        return answered.wireJSON
    }
}
