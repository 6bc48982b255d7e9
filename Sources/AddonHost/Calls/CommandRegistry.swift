import AddonWire
import Schema
import Synchronization

/// The commands that workers offer. From any thread.
///
/// A name belongs to the first worker that offers it, also while it is down, until it is forgotten or offers others.
final class CommandRegistry: Sendable {
    private struct Entry {
        let command: CommandDeclaration
        let worker: Worker
    }

    private let entries = Mutex<[Entry]>([])

    /// Replaces what a worker offers, or says which of its commands another one has.
    func offer(_ commands: [CommandDeclaration], by worker: Worker) throws(StateRefusal) {
        let refusal: StateRefusal? = entries.withLock { entries in
            var next = entries.filter { $0.worker !== worker }
            for (index, command) in commands.enumerated() {
                if let other = next.first(where: { $0.command.name == command.name }) {
                    return StateRefusal(
                        .badState, at: "commands[\(index)].name",
                        "addon '\(other.worker.name)' offers the command '\(command.name)' already")
                }
                next.append(Entry(command: command, worker: worker))
            }
            entries = next
            return nil
        }
        if let refusal { throw refusal }
    }

    func forget(_ worker: Worker) { entries.withLock { $0.removeAll { $0.worker === worker } } }

    func provider(of name: String) -> Worker? { entries.withLock { $0.first { $0.command.name == name }?.worker } }

    /// All commands with the names of their workers, by name.
    var all: [(command: CommandDeclaration, worker: String)] {
        entries.withLock { $0.map { ($0.command, $0.worker.name) } }.sorted { $0.0.name < $1.0.name }
    }
}
