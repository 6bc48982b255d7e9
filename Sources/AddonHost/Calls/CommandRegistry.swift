import AddonWire
import Schema
import Synchronization

/// The commands that workers offer. From any thread.
///
/// A name belongs to the first addon that offers it, also while it is down, until it is forgotten or offers others.
final class CommandRegistry: Sendable {
    private struct Entry {
        let command: CommandDeclaration
        let addon: Addon
    }

    private let entries = Mutex<[Entry]>([])

    /// Replaces what an addon offers, or says which of its commands another one has.
    func offer(_ commands: [CommandDeclaration], by addon: Addon) throws(StateRefusal) {
        let refusal: StateRefusal? = entries.withLock { entries in
            var next = entries.filter { $0.addon !== addon }
            for (index, command) in commands.enumerated() {
                if let other = next.first(where: { $0.command.name == command.name }) {
                    return StateRefusal(
                        .badState, at: "commands[\(index)].name",
                        "addon '\(other.addon.name)' offers the command '\(command.name)' already")
                }
                next.append(Entry(command: command, addon: addon))
            }
            entries = next
            return nil
        }
        if let refusal { throw refusal }
    }

    func forget(_ addon: Addon) { entries.withLock { $0.removeAll { $0.addon === addon } } }

    /// The worker that runs a command: of those of its addon the one that has the least to do.
    func provider(of name: String) -> Worker? {
        guard let addon = entries.withLock({ $0.first { $0.command.name == name }?.addon }) else { return nil }
        let present = addon.workers.filter { $0.generation == addon.generation }
        return present.min { $0.load.load(ordering: .relaxed) < $1.load.load(ordering: .relaxed) }
    }

    /// All commands with the names of their workers, by name.
    var all: [(command: CommandDeclaration, worker: String)] {
        entries.withLock { $0.map { ($0.command, $0.addon.name) } }.sorted { $0.0.name < $1.0.name }
    }
}
