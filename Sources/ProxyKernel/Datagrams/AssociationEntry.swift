import NIOCore

/// An association's place in its port's list of idle ones. Confined to the port's loop.
final class AssociationEntry: @unchecked Sendable {
    /// Set when the association is made, and taken away when its port has forgotten it.
    var association: Association?
    fileprivate(set) var idleSince: NIODeadline?
    fileprivate var next: AssociationEntry?
    fileprivate weak var previous: AssociationEntry?
}

/// The associations for which nothing is under way, the one that has been idle longest first.
struct IdleAssociations {
    private(set) var first: AssociationEntry?
    private weak var last: AssociationEntry?

    /// Puts an entry at the end, wherever it was.
    mutating func append(_ entry: AssociationEntry, at now: NIODeadline) {
        remove(entry)
        entry.idleSince = now
        entry.previous = last
        if let last { last.next = entry } else { first = entry }
        last = entry
    }

    mutating func remove(_ entry: AssociationEntry) {
        guard entry.idleSince != nil else { return }
        entry.idleSince = nil
        if let previous = entry.previous { previous.next = entry.next } else { first = entry.next }
        if let next = entry.next { next.previous = entry.previous } else { last = entry.previous }
        (entry.next, entry.previous) = (nil, nil)
    }
}
