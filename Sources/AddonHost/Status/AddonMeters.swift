import AddonWire
import CoreMetrics
import Observability
import Schema

/// One addon's handles of `AddonInstruments`; all of its workers share them. From any thread.
final class AddonMeters: Sendable {
    let droppedLogLines: Counter
    let restarts: Counter
    private let late: Counter
    private let duplicate: Counter
    private let unknown: Counter
    private let notified: Counter
    private let dropped: Counter
    private let badLines: Counter
    private let missedPings: Counter
    private let received: Counter
    private let sent: Counter

    init(_ addon: String, _ registry: MetricRegistry) {
        let table = AddonInstruments.table
        droppedLogLines = registry.counter(table.droppedLogLines, addon)
        restarts = registry.counter(table.restarts, addon)
        late = registry.counter(table.discarded, addon, "late")
        duplicate = registry.counter(table.discarded, addon, "duplicate")
        unknown = registry.counter(table.discarded, addon, "unknown")
        notified = registry.counter(table.notifications, addon, "sent")
        dropped = registry.counter(table.notifications, addon, "dropped")
        badLines = registry.counter(table.badLines, addon)
        missedPings = registry.counter(table.missedPings, addon)
        received = registry.counter(table.bytes, addon, "received")
        sent = registry.counter(table.bytes, addon, "sent")
    }

    /// Adds what a connection has counted since it was looked at last.
    func add(_ new: LinkCounters, since old: LinkCounters) {
        func add(_ counter: Counter, _ path: KeyPath<LinkCounters, Int>) {
            let more = new[keyPath: path] - old[keyPath: path]
            if more > 0 { counter.increment(by: Int64(more)) }
        }
        add(late, \.late)
        add(duplicate, \.duplicate)
        add(unknown, \.unknown)
        add(notified, \.notificationsSent)
        add(dropped, \.notificationsDropped)
        add(badLines, \.badLines)
        add(missedPings, \.missedPings)
        add(received, \.bytesRead)
        add(sent, \.bytesWritten)
    }
}

/// The handles of one addon's one hook. From any thread.
final class HookMeters: Sendable {
    private let addon: String
    private let hook: String
    private let registry: MetricRegistry
    private let answered: Counter
    private let changed: Counter
    private let seconds: Timer

    init(_ addon: String, _ hook: String, _ registry: MetricRegistry) {
        self.addon = addon
        self.hook = hook
        self.registry = registry
        let table = AddonInstruments.table
        answered = registry.counter(table.events, addon, hook, "answered")
        changed = registry.counter(table.events, addon, hook, "changed")
        seconds = registry.timer(table.seconds, addon, hook)
    }

    /// An attempt has ended after so many nanoseconds with an answer.
    func answered(changes: Bool, after nanoseconds: Int64) {
        (changes ? changed : answered).increment()
        seconds.recordNanoseconds(nanoseconds)
    }

    func killed(after nanoseconds: Int64) {
        outcome("killed")
        seconds.recordNanoseconds(nanoseconds)
    }

    func failed(_ cause: FailureCause, after nanoseconds: Int64) {
        outcome(cause.rawValue)
        seconds.recordNanoseconds(nanoseconds)
    }

    func cancelled() { outcome("cancelled") }

    private func outcome(_ word: String) { registry.counter(AddonInstruments.table.events, addon, hook, word).increment() }

    func retried() { registry.counter(AddonInstruments.table.retries, addon, hook).increment() }

    func poisoned() { registry.counter(AddonInstruments.table.poisonings, addon, hook).increment() }

    func rejected(_ refusal: StateRefusal) {
        registry.counter(AddonInstruments.table.rejections, addon, hook, refusal.word.rawValue).increment()
    }
}

extension LoopPort.Reply {
    /// Counts what a worker made of one event.
    func count(in meters: HookMeters, after nanoseconds: Int64) {
        switch self {
        case .changes(let changes): meters.answered(changes: !changes.isEmpty, after: nanoseconds)
        case .killed: meters.killed(after: nanoseconds)
        case .failed(let failure, _): meters.failed(failure.cause, after: nanoseconds)
        }
    }
}
