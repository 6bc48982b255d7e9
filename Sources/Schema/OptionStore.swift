import Synchronization

/// All options there are and their values: the core's, and those that workers declare as they come. From any thread.
///
/// A value for a name that nobody has declared waits for the declaration.
public final class OptionStore: Sendable {
    fileprivate struct Entry {
        let option: any AnyOption
        /// The worker that declared it first; nil for the core's own.
        let worker: String?
    }

    fileprivate struct State {
        var entries: [Entry]
        var settings = Settings()
        /// What was given for one subject of the scope alone, in the order in which the subjects were named first.
        var scoped: [(name: String, settings: Settings)] = []
        var waiting: [OptionAssignment] = []
        /// What was wrong with values that waited, until `settle`.
        var failure: OptionFailure?
        var isSettled = false
        var observers: [@Sendable (Settings) -> Void] = []

        func bytes(with settings: Settings) -> Int {
            entries.reduce(0) { $0 + $1.option.name.utf8.count + 4 + settings.json($1.option).encoded.count }
        }

        func option(_ name: String) -> (any AnyOption)? { entries.first { $0.option.name == name }?.option }
    }

    /// Names and values of all options as JSON, where a worker makes them more: `initialize` and `configure` carry them all, in lines of
    /// which many readers take no more than 60,000 bytes.
    public static let maximumBytes = 40_000

    private let state: Mutex<State>
    private let scope: OptionScope

    public init(_ options: [any AnyOption], scope: OptionScope = OptionScope()) {
        self.scope = scope
        state = Mutex(State(entries: options.map { Entry(option: $0, worker: nil) }))
    }

    public var options: [any AnyOption] { state.withLock { $0.entries.map(\.option) } }
    /// Those that workers have declared, with the name of the first that did.
    public var declared: [(option: any AnyOption, worker: String)] {
        state.withLock { $0.entries.compactMap { entry in entry.worker.map { (entry.option, $0) } } }
    }
    public var settings: Settings { state.withLock { $0.settings } }

    /// The values that hold for one subject of the scope: its own before those that hold for all.
    public func settings(of subject: String) -> Settings {
        state.withLock { state in
            guard let own = state.scoped.first(where: { $0.name == subject }) else { return state.settings }
            return state.settings.overlaid(with: own.settings)
        }
    }

    /// The subjects that were given values of their own.
    public var subjects: [String] { state.withLock { $0.scoped.map(\.name) } }

    /// Every option's value by its name.
    public var json: JSONObject {
        state.withLock { state in
            JSONObject(
                unique: state.entries.map { JSONObject.Member(key: $0.option.name, value: state.settings.json($0.option)) })
        }
    }

    /// Gives values in their order; the first that is wrong ends it.
    public func assign(_ assignments: [OptionAssignment]) throws(OptionFailure) {
        let result: Result<Void, OptionFailure> = state.withLock { state in
            for assignment in assignments {
                do throws(OptionFailure) {
                    if let (subject, option) = try scope.resolve(assignment) {
                        try state.assign(assignment, to: option, of: subject)
                        continue
                    }
                } catch {
                    return .failure(error)
                }
                guard let option = state.option(assignment.name) else {
                    state.waiting.append(assignment)
                    continue
                }
                do throws(OptionFailure) { try assignment.apply(to: option, &state.settings) } catch { return .failure(error) }
            }
            return .success(())
        }
        try result.get()
    }

    /// Takes in what a worker declares, all or nothing. What another worker declared with the same type and choices is shared.
    public func declare(_ options: [any AnyOption], by worker: String) throws(StateRefusal) {
        let result: Result<Void, StateRefusal> = state.withLock { state in
            var next = state
            for (index, option) in options.enumerated() {
                do throws(OptionFailure) {
                    try next.take(option, by: worker)
                } catch {
                    return .failure(StateRefusal(.badState, at: "options[\(index)]", error.description))
                }
            }
            state = next
            return .success(())
        }
        try result.get()
    }

    /// All that was to be declared at the start has been. What still waits is wrong, unless workers are expected later.
    public func settle(expectingMore: Bool) throws(OptionFailure) {
        let failure: OptionFailure? = state.withLock { state in
            state.isSettled = true
            if let failure = state.failure { return failure }
            guard !expectingMore, let first = state.waiting.first else { return nil }
            return OptionFailure(
                "\(first.source): unknown option '\(first.name)': neither weir nor an addon declares it; --options lists them")
        }
        if let failure { throw failure }
    }

    /// The names that no worker has declared yet.
    public var waiting: [String] { state.withLock { $0.waiting.map(\.name) } }

    /// Reads values for options that may be changed now, by their names; changes nothing yet.
    public func proposal(_ values: JSONObject) throws(OptionRefusal) -> OptionProposal {
        let present = state.withLock { $0 }
        let (entries, settings) = (present.entries, present.settings)
        var after = settings
        var proposal = OptionProposal()
        for (name, value) in values.members.map({ ($0.key, $0.value) }) {
            guard let option = entries.first(where: { $0.option.name == name })?.option else { throw .unknown(name) }
            guard option.reading == .whenUsed else { throw .fixed(name) }
            var changed = settings
            do throws(OptionFailure) { try changed.set(option, value) } catch { throw .value(name, error.description) }
            guard changed.json(option) != settings.json(option) else { continue }
            proposal.changes.append((option, changed.json(option)))
            try? after.set(option, value)
        }
        let bytes = present.bytes(with: after)
        guard bytes <= max(Self.maximumBytes, present.bytes(with: settings)) else {
            let name = proposal.changes.max { $0.json.encoded.count < $1.json.encoded.count }?.option.name ?? ""
            throw .value(name, "all options together would have \(bytes) bytes, more than \(Self.maximumBytes)")
        }
        return proposal
    }

    /// Makes a proposal the values that hold, and tells the observers.
    public func commit(_ proposal: OptionProposal) {
        let (settings, observers) = state.withLock { state in
            for (option, json) in proposal.changes { try? state.settings.set(option, json) }
            return (state.settings, state.observers)
        }
        for observer in observers { observer(settings) }
    }

    /// Calls `observer` after every change, with the new values, on the thread that makes it.
    public func observe(_ observer: @escaping @Sendable (Settings) -> Void) { state.withLock { $0.observers.append(observer) } }
}

extension OptionStore.State {
    fileprivate mutating func assign(
        _ assignment: OptionAssignment, to option: any AnyOption, of subject: String
    ) throws(OptionFailure) {
        let place = scoped.firstIndex { $0.name == subject } ?? scoped.endIndex
        if place == scoped.endIndex { scoped.append((subject, Settings())) }
        try assignment.apply(to: option, &scoped[place].settings)
    }

    fileprivate mutating func take(_ option: any AnyOption, by worker: String) throws(OptionFailure) {
        let name = option.name
        if let known = entries.first(where: { $0.option.name == name }) {
            guard let owner = known.worker else { throw OptionFailure("'\(name)' is an option of weir itself") }
            let (old, new) = (known.option, option)
            guard old.typeName == new.typeName, old.choices == new.choices else {
                throw OptionFailure("'\(name)' is \(Self.described(new)) here, and \(Self.described(old)) by addon '\(owner)'")
            }
            return
        }
        entries.append(OptionStore.Entry(option: option, worker: worker))
        guard bytes(with: settings) <= OptionStore.maximumBytes else {
            throw OptionFailure("with '\(name)' all options together have more than \(OptionStore.maximumBytes) bytes")
        }
        let given = waiting.filter { $0.name == name }
        waiting.removeAll { $0.name == name }
        for assignment in given {
            do throws(OptionFailure) {
                try assignment.apply(to: option, &settings)
            } catch {
                guard !isSettled else { throw error }
                failure = failure ?? error
            }
        }
    }

    private static func described(_ option: any AnyOption) -> String {
        option.choices.isEmpty ? option.typeName : "\(option.typeName) of \(option.choices.joined(separator: ", "))"
    }
}

/// Values that were read and found right, and do not hold yet.
public struct OptionProposal: Sendable {
    /// Only those that differ from the values that hold.
    public internal(set) var changes: [(option: any AnyOption, json: JSON)] = []

    public var names: [String] { changes.map(\.option.name) }
}

/// Why an option cannot be changed.
public enum OptionRefusal: Error, Sendable, Equatable {
    case unknown(String)
    /// It is read at start only.
    case fixed(String)
    case value(String, String)
}
