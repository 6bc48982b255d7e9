import Synchronization

/// One event, or one call of a command.
public final class Event: Sendable {
    public let addon: Addon
    /// The hook, or the command.
    public let name: String
    public let params: JSON
    let id: Int?
    private let cancelled = Atomic(false)

    init(_ addon: Addon, _ name: String, _ id: Int?, _ params: JSON) {
        (self.addon, self.name, self.id, self.params) = (addon, name, id, params)
    }

    public var flow: JSON { params["flow"] }
    /// 2 when a worker died over the same event, else 1.
    public var attempt: Int { params["attempt"].int ?? 1 }
    /// The core has withdrawn the event, and its task is cancelled: no answer is wanted or sent.
    public var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    func cancel() { cancelled.store(true, ordering: .relaxed) }

    /// So many milliseconds more, from now.
    public func extend(_ ms: Int) {
        if let id { addon.notify("event.extend", ["id": .integer(id), "ms": .integer(ms)]) }
    }

    /// The octets of a body that this event shows: of its line, or by reference, for which the addon needs the permission `body.read`.
    public func bytes(_ content: JSON) async throws -> [UInt8] {
        if let bytes = content.bytes { return bytes }
        guard content.has("ref"), let size = content["size"].int else { throw Failure("no body: \(content)") }
        var whole: [UInt8] = []
        while whole.count < size {
            let piece = try await addon.call("body.read", ["ref": content["ref"], "offset": .integer(whole.count)])
            guard let bytes = piece["data"].bytes, !bytes.isEmpty else {
                throw Failure("a body of \(size) octets ended after \(whole.count)")
            }
            whole += bytes
        }
        return whole
    }

    /// The part whose body comes in parts, and the stream's number.
    var offered: (part: String, stream: Int)? {
        for part in ["request", "response"] {
            if let stream = flow[part, "content", "stream"].int { return (part, stream) }
        }
        return nil
    }

    /// Whether the stream opens behind that answer.
    func opens(_ result: JSON, _ part: String) -> Bool {
        let message = result["flow", part]
        // What stands for the body is no change.
        if message.has("content"), !message["content"].has("stream"), !message["content"].has("omitted") { return false }
        // A request that is answered here goes nowhere.
        if part == "request", flow["response"] == nil, result["flow", "response"] != nil { return false }
        return result["kill"] != true && (!flow[part, "content"].has("preview") || result["more"] == "stream")
    }
}
