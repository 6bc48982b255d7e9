import Synchronization

/// One event, or one call of a command.
public final class Event: Sendable {
    public let addon: Addon
    /// The hook, or `command`.
    public let name: String
    public let params: JSON
    let id: Int?
    /// For the thread that reads, which begins and cancels events, and for nobody else.
    nonisolated(unsafe) var task: Task<Void, Never>?
    private let cancelled = Atomic(false)

    init(_ addon: Addon, _ name: String, _ id: Int?, _ params: JSON) {
        (self.addon, self.name, self.id, self.params) = (addon, name, id, params)
    }

    public var flow: JSON { params["flow"] }
    /// 2 when a worker died over the same event, else 1.
    public var attempt: Int { params["attempt"].int ?? 1 }
    /// The core has withdrawn the event, and its task is cancelled: no answer is wanted or sent.
    public var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    func cancel() {
        cancelled.store(true, ordering: .relaxed)
        task?.cancel()
    }

    /// So many milliseconds more, from now.
    public func extend(_ ms: Int) {
        if let id { addon.notify("event.extend", ["id": .integer(id), "ms": .integer(ms)]) }
    }

    /// The octets of a body that this event shows: of its line, or by reference, for which the addon needs the
    /// permission `body.read`.
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

    /// The number of the stream that opens behind that result, if one does.
    func stream(behind result: JSON) -> Int? {
        let part = name.hasPrefix("request") ? "request" : "response"
        let (content, own) = (flow[part, "content"], result["flow", part])
        // What stands for the body is no change, and a request that is answered here goes nowhere.
        let isReplaced = own.has("content") && (own["content"] == nil || own["content"].bytes != nil)
        let isAnswered = part == "request" && flow["response"] == nil && result["flow", "response"] != nil
        let isLeft = content.has("preview") && result["more"] != "stream"
        return isReplaced || isAnswered || isLeft || result["kill"] == true ? nil : content["stream"].int
    }
}

/// An error with a text for people.
public struct Failure: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// The core's error in answer to a call; `kind` is a word of the specification's section 8.
public struct CallFailure: Error, CustomStringConvertible {
    let error: JSON
    public var code: Int { error["code"].int ?? -32603 }
    public var kind: String { error["data", "kind"].string ?? "internal_error" }
    public var message: String { error["message"].string ?? "" }
    public var description: String { "\(message) (\(kind))" }
}
