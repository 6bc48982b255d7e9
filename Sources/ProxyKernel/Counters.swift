import Observability
import Synchronization

/// What the proxy counts of its peers' misbehaviour, beside the workers' own metrics. From any thread.
public final class Counters: Sendable {
    public struct Series: Hashable, Comparable, Sendable {
        public let name: String
        public let kind: String
        /// Of what counts one addon's.
        public let addon: String?

        public static func < (left: Series, right: Series) -> Bool {
            (left.name, left.kind, left.addon ?? "") < (right.name, right.kind, right.addon ?? "")
        }
    }

    private let values = Mutex<[Series: (instrument: Instrument, count: Int)]>([:])

    public init() {}

    /// `kind` comes from tables of ours, `addon` from the configuration, never from a peer.
    public func add(_ instrument: Instrument, kind: String, addon: String? = nil) {
        values.withLock {
            $0[Series(name: instrument.name, kind: kind, addon: addon), default: (instrument, 0)].count += 1
        }
    }

    /// Brings them up to date among what else is measured.
    public func record(in registry: MetricRegistry) {
        for (series, (instrument, count)) in values.withLock({ $0 }) {
            let labels = instrument.labels.map { $0 == "kind" ? series.kind : series.addon ?? "" }
            registry.record(instrument, labels, is: Double(count))
        }
    }

    public var all: [(series: Series, value: Int)] {
        values.withLock { $0.map { (series: $0.key, value: $0.value.count) } }.sorted { $0.series < $1.series }
    }
}
