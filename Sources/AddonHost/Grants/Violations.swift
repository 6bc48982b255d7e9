import ProxyKernel
import Schema
import Synchronization

/// What addons tried that they may not: each is counted, and logged when an addon tries it at a path for the first time.
final class Violations: Sendable {
    /// What kind of thing it was, for the counter.
    enum Kind: String {
        /// A path that it may not change.
        case change
        /// A hidden value that was to be moved.
        case hidden
        /// A call that it may not make.
        case call
    }

    /// Lines in the log about one addon, at most: paths may have names of a worker's choice in them.
    private static let maximumLines = 100

    private let log: AddonLog
    private let counters: Counters
    private let logged = Mutex<[String: Set<String>]>([:])

    init(log: AddonLog, counters: Counters) { (self.log, self.counters) = (log, counters) }

    func report(_ addon: String, _ kind: Kind, at path: String, _ reason: String) {
        counters.add(AddonInstruments.table.violations, kind: kind.rawValue, addon: addon)
        let isNew = logged.withLock { logged in
            logged[addon, default: []].count < Self.maximumLines && logged[addon, default: []].insert("\(kind) \(path)").inserted
        }
        guard isNew else { return }
        log.line(
            .warning, addon,
            "it was denied '\(OutputLines.visible(Array(path.utf8.prefix(200))))': \(reason); further attempts are counted only")
    }
}
