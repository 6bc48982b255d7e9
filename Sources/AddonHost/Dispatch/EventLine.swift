import AddonWire
import FlowModel
import ProxyKernel
import Schema

/// The lines that carry hooks' payloads.
enum EventLine {
    private static let timeoutKey = JSONWriter.encodedKey("timeout_ms")
    private static let attemptKey = JSONWriter.encodedKey("attempt")

    static func event<Payload: HookPayload>(
        _ payload: Payload, _ subscription: Subscription, timeout: Int64, attempt: Int, capacity: Int = 2048
    ) -> LinkMessage {
        LinkMessage(subscription.name, capacity: capacity) { writer in
            write(payload, subscription, to: &writer)
            writer.key(encoded: timeoutKey)
            writer.int(Int(timeout))
            writer.key(encoded: attemptKey)
            writer.int(attempt)
        }
    }

    /// For workers that are only told: the payload and nothing else.
    static func notification<Payload: HookPayload>(_ payload: Payload, _ subscription: Subscription) -> LinkMessage {
        LinkMessage(subscription.name) { write(payload, subscription, to: &$0) }
    }

    private static func write<Payload: HookPayload>(
        _ payload: Payload, _ subscription: Subscription, to writer: inout JSONWriter
    ) {
        guard let redaction = subscription.worker.grants.redaction else {
            return payload.writeMembers(subscription.selection, to: &writer)
        }
        // What may be looked into is found by members that the worker has perhaps not asked for.
        let shown = redaction.hide(event: payload.wireJSON, isDecoded: subscription.content == .decoded).shown
        let selected = subscription.selection.map { $0.select(shown, of: Payload.recordShape) } ?? shown
        for member in selected.object?.members ?? [] {
            writer.key(member.key)
            writer.value(member.value)
        }
    }

    /// A worker's answer with the true values in the place of what was hidden in the event.
    static func restored<Payload: HookPayload>(
        _ result: JSON, _ shown: Payload, _ subscription: Subscription
    ) throws(StateRefusal) -> JSON {
        guard let redaction = subscription.worker.grants.redaction else { return result }
        func hidden() -> Placeholders {
            var shown = shown
            if !redaction.rules.concernBodies { shown.flow?.mapContents { $0.isHeld ? .omitted($0.size) : $0 } }
            return redaction.hide(event: shown.wireJSON, isDecoded: subscription.content == .decoded).hidden
        }
        return try redaction.restore(event: result, hidden())
    }
}
