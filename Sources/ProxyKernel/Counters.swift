import Synchronization

/// What the proxy counts of its peers' misbehaviour, beside the workers' own metrics. From any thread.
package final class Counters: Sendable {
    package struct Series: Hashable, Comparable, Sendable {
        package let name: String
        package let kind: String
        /// Of what counts one addon's.
        package let addon: String?

        package static func < (left: Series, right: Series) -> Bool {
            (left.name, left.kind, left.addon ?? "") < (right.name, right.kind, right.addon ?? "")
        }
    }

    private let values = Mutex<[Series: Int]>([:])

    package init() {}

    /// `name` and `kind` come from tables of ours, `addon` from the configuration, never from a peer.
    package func add(_ name: String, kind: String, addon: String? = nil) {
        values.withLock { $0[Series(name: name, kind: kind, addon: addon), default: 0] += 1 }
    }

    package var all: [(series: Series, value: Int)] {
        values.withLock { $0.map { (series: $0.key, value: $0.value) } }.sorted { $0.series < $1.series }
    }
}
