import Schema

/// What can be done with a flow's state, whoever holds it.
extension FlowRecord {
    /// Remembers the state as it is now, for `revert`; does nothing if a state is remembered already.
    public mutating func keepBackup() {
        if backup == nil { backup = Boxed(self) }
    }

    public var hasBackup: Bool { backup != nil }

    /// Whether something differs from the state that was remembered.
    public var isModified: Bool {
        guard let backup else { return false }
        var present = self
        present.backup = nil
        return present != backup.value
    }

    /// Takes back what was changed since the state was remembered, and forgets that one.
    ///
    /// Of a live flow, what only the wire can tell stays: its connections, and what came since then.
    public mutating func revert(isLive: Bool) {
        guard let old = backup?.value else { return }
        let present = self
        self = old
        guard isLive else { return }
        server = present.server
        client = present.client
        isReplay = present.isReplay
        intercepted = present.intercepted
        if old.error == nil { error = present.error }
        keepTraffic(of: present)
    }

    /// The same flow as one of its own: another id, and it never stands still.
    public func copy() -> Self {
        var copy = self
        copy.id = Identifier.uuid4()
        copy.intercepted = false
        copy.backup = nil
        return copy
    }

    /// Makes of the flow what a worker's state says, the state before the first change being remembered; all or nothing.
    ///
    /// `isWhole` says that it is the whole state and no changes of it. Holding a flow is nothing to be taken back. The result are the paths
    /// that were changed, as in an answer.
    @discardableResult
    public mutating func edit(_ state: JSON, isWhole: Bool) throws(StateRefusal) -> [String] {
        let changes =
            isWhole
            ? try Self.changes(from: self, toWhole: state, at: "state")
            : try Self.changes(from: self, to: state, at: "flow", access: .writable)
        if changes.contains(where: { !$0.path.hasSuffix(".intercepted") }) { keepBackup() }
        for change in changes { change.apply(&self) }
        return changes.map { isWhole ? "flow\($0.path.dropFirst("state".count))" : $0.path }
    }

    /// About how many bytes of memory the flow takes.
    public var footprint: Int { withUnsafePointer(to: self) { Self.footprint(of: $0) } }

    /// The same of a flow where it lies: asked of each that ends, which a copy would cost two dozen references.
    public static func footprint(of flow: UnsafePointer<Self>) -> Int {
        4096 + trafficFootprint(of: flow) + flow.pointee.metadata.json.footprint + flow.pointee.comment.utf8.count
            + (flow.pointee.error?.message.utf8.count ?? 0) + (flow.pointee.backup.map { footprint(of: $0.address) } ?? 0)
    }
}

extension JSON {
    fileprivate var footprint: Int {
        switch self {
        case .null, .bool, .int, .double: 16
        case .string(let text): 16 + text.utf8.count
        case .array, .pairs: (array ?? []).reduce(16) { $0 + $1.footprint }
        case .object(let object): object.members.reduce(16) { $0 + 16 + $1.key.utf8.count + $1.value.footprint }
        }
    }
}
