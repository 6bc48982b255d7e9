import AddonWire
import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// What a worker's wish to hear of a hook means, or why it cannot be met. `path` names its place in the answer to `initialize`.
extension HookRequest {
    /// The message whose body the hook is about, if it is about one.
    public var side: MessageSide? {
        let hooks = HTTPHooks.table
        if hook.index == hooks.requestheaders.index || hook.index == hooks.request.index { return .request }
        if hook.index == hooks.responseheaders.index || hook.index == hooks.response.index { return .response }
        return nil
    }

    /// Whether the worker is only told, at its own wish or because the hook waits for nobody.
    public var isNotification: Bool { observes || !hook.pauses }

    public func checkContent(at path: String) throws(StateRefusal) {
        guard content.isPart else { return }
        guard side != nil else {
            throw StateRefusal(.badState, at: "\(path).content", "'\(name)' has no body that could come in parts")
        }
        guard !isNotification else {
            throw StateRefusal(.badState, at: "\(path).observe", "a body that comes in parts needs an answer")
        }
    }

    /// What the worker asked for, and the flow's id whatever it asked for; nil for all.
    public func selection(at path: String) throws(StateRefusal) -> Selection? {
        guard !fields.isEmpty else { return nil }
        var selection = Selection()
        for (index, field) in fields.enumerated() {
            do throws(StateRefusal) {
                try selection.add(field, of: hook.payload)
            } catch {
                throw StateRefusal(.badState, at: "\(path).fields[\(index)]", "'\(field)': \(error.reason)")
            }
        }
        try? selection.add("flow.id", of: hook.payload)
        return selection
    }

    /// Nil if every flow is admitted.
    public func readFilter(at path: String) throws(StateRefusal) -> Filter? {
        guard let filter else { return nil }
        let carriesFlow = hook.payload.fields().contains {
            if case .record(let record) = $0.shape { FlowKind.allCases.contains { $0.record.name == record.name } } else { false }
        }
        guard carriesFlow else { throw StateRefusal(.badState, at: "\(path).filter", "'\(name)' carries no flow") }
        do {
            return try Filter(filter)
        } catch {
            throw StateRefusal(.badState, at: "\(path).filter", error.description)
        }
    }
}
