import AddonWire
import Synchronization

/// Keeps failures of single events from flooding the log: one line a worker, hook and cause in ten seconds, with the number of
/// those that had none.
final class TroubleLog: Sendable {
    private struct Key: Hashable {
        let place: Int
        let hook: String
        let cause: FailureCause
    }

    private static let interval: Int64 = 10_000
    private let log: AddonLog
    private let recent = Mutex<[Key: (since: Int64, silent: Int)]>([:])

    init(log: AddonLog) { self.log = log }

    /// The worker does not come back.
    func forget(_ place: Int) { recent.withLock { recent in recent = recent.filter { $0.key.place != place } } }

    func report(_ subscription: Subscription, _ failure: LinkFailure) {
        let now = MonotonicClock.now
        let key = Key(place: subscription.worker.addon.place, hook: subscription.name, cause: failure.cause)
        let silent: Int? = recent.withLock { recent in
            if let last = recent[key], now - last.since < Self.interval {
                recent[key] = (last.since, last.silent + 1)
                return nil
            }
            defer { recent[key] = (now, 0) }
            return recent[key]?.silent ?? 0
        }
        guard let silent else { return }
        let more = silent > 0 ? " (and \(silent) more since the last such line)" : ""
        log.line(
            .warning, subscription.worker.name,
            "'\(subscription.name)' failed, policy \(subscription.policy.rawValue): \(failure)\(more)")
    }
}
