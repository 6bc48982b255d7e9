import AddonWire
import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// What one addon may see and do: what the operator granted it, enforced on every event, answer and call.
final class Grants: Sendable {
    let words: Words
    /// Whether it is shown what is secret in the options.
    let seesSecrets: Bool
    /// Nil for all.
    private let hooks: Set<String>?
    /// The flows that it may see; nil for all.
    let filter: Filter?
    /// The paths that it may be sent; nil for all.
    private let reads: [String]?
    /// The sides whose bodies it may not be sent.
    let unread: [MessageSide]
    let changes: ChangeRules
    /// Nil if nothing is hidden from it.
    let redaction: Redaction?
    let permissions: PermissionRules

    /// Throws with the option and the word in it that is wrong. `known` are all hooks.
    init(_ words: Words, hooks known: [any AnyHook]) throws(AddonFailure) {
        self.words = words
        let isUntrusted = words.level == .untrusted
        seesSecrets = words.level == .trusted || words.isOperator
        let records = known.map(\.payload)
        var granted: Set<String> = []
        for word in words.hooks where word != "all" {
            guard let hook = known.first(where: { $0.name == word || $0.aliases.contains(word) }) else {
                throw AddonFailure("addon_hooks: expected all or a hook's name, found '\(word)'")
            }
            granted.insert(hook.name)
        }
        hooks = words.hooks.contains("all") ? nil : granted
        do {
            filter = words.filter.isEmpty ? nil : try Filter(words.filter)
        } catch {
            throw AddonFailure("addon_filter: \(error)")
        }
        for word in words.reads where word != "all" {
            guard records.contains(where: { $0.hasMember(at: word) }) else {
                throw AddonFailure("addon_reads: expected all or a path such as flow.request.headers, found '\(word)'")
            }
        }
        let reads = words.reads.contains("all") ? nil : words.reads
        self.reads = reads
        unread = MessageSide.allCases.filter { side in !Self.covers(reads, "flow.\(side.rawValue).content") }
        redaction = Redaction(try HiddenRules(words.hidden, hidesCredentials: isUntrusted))
        changes = try ChangeRules(
            words.changes,
            guarding: (isUntrusted || redaction != nil ? ChangeRules.destination : [])
                + (isUntrusted ? ChangeRules.standstill : []), of: records)
        permissions = try PermissionRules(words, hasHidden: redaction != nil)
    }

    /// Whether it may hear of an event. What is hidden from it would stand in the lines of the log.
    func grants(_ hook: any AnyHook) -> Bool {
        if redaction != nil, hook.index == LifecycleHooks.table.log.index { return false }
        return hooks?.contains(hook.name) ?? true
    }

    /// Whether its bodies may go beside their lines.
    func grants(_ capability: Capability) -> Bool {
        redaction?.rules.concernBodies != true && permissions.grants(capability.rawValue)
    }

    /// How bodies are shown in a hook that asks for `mode`: not in parts where they are hidden, or must not be changed.
    func granted(_ mode: ContentMode, of side: MessageSide?) -> ContentMode {
        guard mode.isPart, let side else { return mode }
        let path = "flow.\(side.rawValue)"
        let mayPass = ["content", "trailers"].allSatisfy { changes.allows("\(path).\($0)") && mayRead("\(path).\($0)") }
        return mayPass && redaction?.rules.concernBodies != true ? mode : .none
    }

    /// Whether it may see a flow at all.
    func admits(_ flow: @autoclosure () -> AnyFlow?) -> Bool {
        guard let filter, let flow = flow() else { return true }
        return filter.matches(FilteredFlow(flow))
    }

    /// The flow as the worker's own filters may look at it: what they match says something of what they look at.
    func shownToFilter(_ flow: AnyFlow) -> AnyFlow? {
        guard let redaction else { return flow }
        return redaction.hiding(flow)
    }

    /// What of an event it is sent, of what it asked for; nil for all.
    func selection(_ wanted: Selection?, of record: RecordShape) -> Selection? {
        guard let readable = selection(of: record, below: nil) else { return wanted }
        return wanted.map { $0.intersection(readable) } ?? readable
    }

    /// The same of a flow's state by itself.
    func selection(_ wanted: Selection?, of kind: FlowKind) -> Selection? {
        guard let readable = selection(of: kind.record, below: "flow.") else { return wanted }
        return wanted.map { $0.intersection(readable) } ?? readable
    }

    /// Whether it is sent what stands at a path of an event.
    func mayRead(_ path: String) -> Bool { Self.covers(reads, path) }

    private static func covers(_ reads: [String]?, _ path: String) -> Bool {
        reads?.contains { path == $0 || path.hasPrefix("\($0).") } ?? true
    }

    private func selection(of record: RecordShape, below prefix: String?) -> Selection? {
        guard let reads else { return nil }
        var selection = Selection()
        for path in reads {
            guard let prefix else {
                try? selection.add(path, of: record)
                continue
            }
            if path == "flow" { return nil }
            if path.hasPrefix(prefix) { try? selection.add(String(path.dropFirst(prefix.count)), of: record) }
        }
        // Without its id a flow could not be told from others.
        try? selection.add(prefix == nil ? "flow.id" : "id", of: record)
        return selection
    }

    /// What is not shown, for `initialized`.
    var redacted: [String] { redaction?.rules.words ?? [] }

    /// What was granted, as the operator said it and for people; of what is hidden, what is.
    var json: JSON {
        func texts(_ words: [String]) -> JSON { .array(words.map { .string($0) }) }
        return [
            "hooks": texts(words.hooks), "filter": .string(words.filter), "reads": texts(words.reads),
            "changes": texts(words.changes), "hidden": texts(redacted), "permissions": texts(words.permissions),
        ]
    }
}

extension Redaction {
    /// The flow with what is hidden in it replaced; nil if it cannot be had so.
    fileprivate func hiding(_ flow: AnyFlow) -> AnyFlow? {
        var flow = flow
        var http: HTTPFlow?
        if case .http(let whole) = flow {
            http = whole.value
            var bare = rules.concernBodies ? capped(whole.value) : whole.value
            bare.backup = nil
            if !rules.concernBodies { bare.mapContents { $0.isHeld ? .omitted($0.size) : $0 } }
            flow = bare.any
        }
        let (shown, _) = hide(flow: flow.record.wireJSON, isDecoded: false)
        guard case .http(var hidden)? = try? AnyFlow.restored(from: shown, at: "") else {
            return http == nil ? try? AnyFlow.restored(from: shown, at: "") : nil
        }
        guard let http, !rules.concernBodies else { return .http(hidden) }
        hidden.value.request.content = http.request.content
        if let content = http.response?.content { hidden.value.response?.content = content }
        return .http(hidden)
    }
}
