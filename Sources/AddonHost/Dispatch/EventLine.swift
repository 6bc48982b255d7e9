import AddonWire
import Schema

/// The lines that carry hooks' payloads.
enum EventLine {
    static func event<Payload: Record>(
        _ name: String, _ payload: Payload, _ selection: Selection?, timeout: Int64, attempt: Int, capacity: Int = 2048
    ) -> LinkMessage {
        LinkMessage(name, capacity: capacity) { writer in
            payload.writeMembers(selection, to: &writer)
            writer.key("timeout_ms")
            writer.int(Int(timeout))
            writer.key("attempt")
            writer.int(attempt)
        }
    }

    /// For workers that are only told: the payload and nothing else.
    static func notification<Payload: Record>(_ name: String, _ payload: Payload, _ selection: Selection?) -> LinkMessage {
        LinkMessage(name) { payload.writeMembers(selection, to: &$0) }
    }
}
