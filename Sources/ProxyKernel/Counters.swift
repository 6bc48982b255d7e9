import Synchronization

/// What the proxy counts of its peers' misbehaviour, beside the workers' own metrics. From any thread.
package final class Counters: Sendable {
    package struct Series: Hashable, Comparable, Sendable {
        package let name: String
        package let kind: String

        package static func < (left: Series, right: Series) -> Bool { (left.name, left.kind) < (right.name, right.kind) }
    }

    private let values = Mutex<[Series: Int]>([:])

    package init() {}

    /// `name` and `kind` come from tables of ours, never from a peer.
    package func add(_ name: String, kind: String) { values.withLock { $0[Series(name: name, kind: kind), default: 0] += 1 } }

    package var all: [(series: Series, value: Int)] {
        values.withLock { $0.map { (series: $0.key, value: $0.value) } }.sorted { $0.series < $1.series }
    }
}
