public import Schema

/// One entry of `hooks` in the answer to `initialize`: which event a worker wants, and how.
public struct HookRequest: Sendable {
    public let hook: any AnyHook
    /// The name that the worker used: the hook's own or an alias. Events carry it.
    public let name: String
    /// A filter expression; nil admits every flow.
    public var filter: String?
    public var content = ContentMode.none
    /// The worker is told and not waited for.
    public var observes = false
    /// Milliseconds from writing the event to the answer; nil for the operator's default.
    public var timeout: Int64?
    /// Nil for the operator's default.
    public var policy: FailurePolicy?
    /// Paths of the members of the payload that the worker wants to be sent; empty for all.
    public var fields: [String] = []
    /// Whether the worker may be sent the same event twice.
    public var isIdempotent = false
    /// Lower ones come first in the chain; equal ones in the order of the command line.
    public var order = 0

    public init(hook: any AnyHook, name: String) {
        self.hook = hook
        self.name = name
    }

    /// Reads a name, or an object with `name`; `path` names the place for the refusal.
    init(_ json: JSON, at path: String, hooks: [any AnyHook]) throws(StateRefusal) {
        let object: JSONObject
        switch json {
        case .string: object = ["name": json]
        case .object(let members): object = members
        default: throw .expected("a hook's name or an object", at: path, found: json)
        }
        let place = json.object == nil ? path : "\(path).name"
        guard let given = object["name"] else { throw StateRefusal(.badState, at: place, "missing") }
        let name = try String.read(given, at: place)
        guard let hook = hooks.first(where: { $0.name == name || $0.aliases.contains(name) }) else {
            throw StateRefusal(.badState, at: place, "there is no hook '\(name)'")
        }
        self.init(hook: hook, name: name)
        filter = try object.optional("filter", String?.self, at: path) ?? nil
        content = try ContentMode(object, at: path)
        observes = try object.optional("observe", Bool.self, at: path) ?? false
        timeout = try object.positive("timeout_ms", at: path).map { Int64($0) }
        policy = try object.word("on_failure", FailurePolicy.self, at: path)
        fields = try object.optional("fields", [String].self, at: path) ?? []
        try InitializeResult.bound(fields.count, at: "\(path).fields")
        isIdempotent = try object.optional("idempotent", Bool.self, at: path) ?? false
        order = try object.optional("order", Int.self, at: path) ?? 0
        if policy == .retry, !isIdempotent {
            throw StateRefusal(.badState, at: "\(path).on_failure", "retry needs idempotent: true")
        }
    }

    /// The hook as it was granted, for `initialized`.
    func write(to writer: inout JSONWriter, timeout: Int64, policy: FailurePolicy) {
        writer.beginObject()
        writer.key("name")
        writer.string(name)
        if let filter {
            writer.key("filter")
            writer.string(filter)
        }
        if !fields.isEmpty {
            writer.key("fields")
            writer.value(.array(fields.map { .string($0) }))
        }
        content.writeMembers(to: &writer)
        writer.key("observe")
        writer.bool(observes)
        writer.key("timeout_ms")
        writer.int(Int(timeout))
        writer.key("on_failure")
        writer.string(policy.rawValue)
        writer.endObject()
    }
}

extension JSONObject {
    /// The member's value; nil if it is absent or null.
    public func optional<Value: WireValue>(_ key: String, _: Value.Type, at path: String) throws(StateRefusal) -> Value? {
        guard let json = self[key], json != .null else { return nil }
        return try Value.read(json, at: path.isEmpty ? key : "\(path).\(key)")
    }

    func positive(_ key: String, at path: String) throws(StateRefusal) -> Int? {
        guard let value = try optional(key, Int.self, at: path) else { return nil }
        guard value > 0 else {
            throw StateRefusal(.badState, at: path.isEmpty ? key : "\(path).\(key)", "expected a number above 0, found \(value)")
        }
        return value
    }

    public func word<Word: RawRepresentable<String> & CaseIterable>(
        _ key: String, _: Word.Type, at path: String
    ) throws(StateRefusal) -> Word? {
        guard let text = try optional(key, String.self, at: path) else { return nil }
        guard let word = Word(rawValue: text) else {
            let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
            throw StateRefusal(.badState, at: path.isEmpty ? key : "\(path).\(key)", "expected one of \(words), found '\(text)'")
        }
        return word
    }
}
