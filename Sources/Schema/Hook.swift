import Synchronization

/// An event that workers may subscribe to, without the type of its payload.
public protocol AnyHook: AnyObject, Sendable {
    /// The name on the wire.
    var name: String { get }
    /// Names that documents of other years use for the same event.
    var aliases: [String] { get }
    /// False if the flow goes on without waiting for an answer.
    var pauses: Bool { get }
    var doc: String { get }
    /// Position in tables of listeners; unique in the process.
    var index: Int { get }
    var payload: RecordShape { get }
}

/// An event that workers may subscribe to: declared once, as a stored property of a `HookTable`.
public final class Hook<Payload: Record>: AnyHook {
    public let name: String
    public let aliases: [String]
    public let pauses: Bool
    public let doc: String
    public let index: Int
    public var payload: RecordShape { Payload.recordShape }

    public init(_ name: String, aliases: [String] = [], pauses: Bool = true, _ doc: String) {
        self.name = name
        self.aliases = aliases
        self.pauses = pauses
        self.doc = doc
        index = HookCounter.next.add(1, ordering: .relaxed).oldValue
    }
}

private enum HookCounter {
    static let next = Atomic(0)
}

/// A struct whose stored properties are hooks.
public protocol HookTable: Sendable {}

extension HookTable {
    /// The table's hooks in declared order.
    public var hooks: [any AnyHook] { Mirror(reflecting: self).children.compactMap { $0.value as? any AnyHook } }
}
