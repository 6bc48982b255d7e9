import AddonWire
import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// What is asked of an addon's grants when it answers or calls.
extension Grants {
    /// Refuses an answer's changes of what was shown if they may not be made.
    func check<Payload: HookPayload>(_ changes: [Change<Payload>], of shown: Payload) throws(StateRefusal) {
        func answered() -> HTTPFlow? {
            var answered = shown
            for change in changes { change.apply(&answered) }
            return answered.flow
        }
        guard !self.changes.isUnlimited else { return }
        try self.changes.check(changes.map(\.path), from: shown.flow, to: answered())
    }

    func checkKill() throws(StateRefusal) {
        guard !changes.allows(ChangeRules.kill) else { return }
        throw ChangeRules.refusal(ChangeRules.kill)
    }

    /// Leaves out bodies that may not be shown, or that would have to be looked into and are too long for that.
    func cap<Payload: HookPayload>(_ shown: inout Payload) {
        guard !unread.isEmpty || redaction != nil, let flow = shown.flow else { return }
        shown.flow = capped(flow)
    }

    private func capped(_ flow: HTTPFlow) -> HTTPFlow {
        var flow = redaction?.capped(flow) ?? flow
        for side in unread {
            if let content = flow.content(of: side), content.isHeld { flow.set(.omitted(content.size), of: side) }
        }
        return flow
    }
}

// MARK: Calls

extension Grants {
    /// Whether a flow is there for the worker, and its own filter matches what it is shown of it.
    func admits(_ flow: AnyFlow, _ filter: Filter?) -> Bool {
        guard admits(flow) else { return false }
        guard let filter else { return true }
        return shownToFilter(flow).map { filter.matches(FilteredFlow($0)) } ?? false
    }

    /// A flow's state as the worker is shown it.
    func encoded(_ flow: AnyFlow, _ mode: ContentMode, _ wanted: Selection?) -> [UInt8] {
        let selection = selection(wanted, of: flow.kind)
        let shown = capped(ContentView.shown(flow, mode))
        guard let redaction else {
            var writer = JSONWriter()
            shown.record.write(selection, to: &writer)
            return writer.bytes
        }
        let json = redaction.hide(flow: shown.record.wireJSON, isDecoded: mode == .decoded).shown
        return (selection?.select(json, of: flow.kind.record) ?? json).encoded
    }

    /// What a call sets, with the true values in the place of what is hidden in the flow as it is now.
    func restored(_ state: JSON, of flow: AnyFlow, isWhole: Bool) throws(StateRefusal) -> JSON {
        guard let redaction else { return state }
        guard !isWhole else { throw StateRefusal(.denied, at: "state", "parts of the state are hidden: set flow instead") }
        // Bodies are set as they are on the wire, so that those are the placeholders that can come back.
        let shown = capped(ContentView.shown(flow, redaction.rules.concernBodies ? .whole : .none))
        return try redaction.restore(flow: state, redaction.hide(flow: shown.record.wireJSON, isDecoded: false).hidden)
    }

    /// Refuses what a call made of a flow, at these paths.
    func check(_ paths: [String], from old: AnyFlow, to new: AnyFlow) throws(StateRefusal) {
        guard case .http(let old) = old, case .http(let new) = new else { return try changes.check(paths, from: nil, to: nil) }
        try changes.check(paths, from: old.value, to: new.value)
    }

    private func capped(_ flow: AnyFlow) -> AnyFlow {
        if case .http(let http) = flow { capped(http.value).any } else { flow }
    }
}

extension Worker {
    /// Refuses a call that changes what stands at a path, if the worker may not.
    func mayChange(_ path: String) throws(CallFailure) {
        guard !grants.changes.allows(path) else { return }
        let refusal = ChangeRules.refusal(path)
        violated(at: refusal)
        throw .parameters(refusal)
    }

    /// Those of the wanted permissions that the operator allows; the refusal names one that does not exist.
    func permitted(_ wanted: [String]) throws(StateRefusal) -> [String] {
        for (index, word) in wanted.enumerated() where CoreCall.named(word) == nil {
            throw StateRefusal(.badState, at: "permissions[\(index)]", "there is no permission '\(word)'")
        }
        return wanted.filter { grants.permissions.grants($0) }
    }

    /// Counts what the worker was denied, and tells of it.
    func violated(at refusal: StateRefusal) {
        let kind: Violations.Kind = refusal.reason == Placeholders.misplaced ? .hidden : .change
        host.violations.report(addon.name, kind, at: refusal.path, refusal.reason)
    }
}
