import Observability
import ProxyKernel
import Schema
import Synchronization

/// Counters of workers, bounded in number and in the length of their names. From any thread.
final class Metrics: Sendable {
    private struct Series: Hashable {
        let name: String
        /// In the order of their names.
        let labels: [[String]]

        var labelText: String { labels.map { $0.joined(separator: "=") }.joined(separator: ",") }
    }

    private struct State {
        var values: [Series: Double] = [:]
        var dropped = 0
        /// Workers in whose name the log has said that something was dropped.
        var reported: Set<String> = []
    }

    static let maximumSeries = 1000
    static let maximumLabels = 8
    /// Bytes of a name, of a label's name and of its value.
    static let maximumLength = 100

    private let state = Mutex(State())
    /// The proxy's own.
    private let counters: Counters

    init(beside counters: Counters) { self.counters = counters }

    /// Adds the entries to their counters; the number of those that cannot be, and why the first of them cannot.
    func add(_ entries: [JSON]) -> (dropped: Int, reason: String?) {
        state.withLock { state in
            var dropped = 0
            var reason: String?
            for entry in entries {
                do throws(AddonFailure) {
                    let (series, value) = try Self.read(entry)
                    guard state.values[series] != nil || state.values.count < Self.maximumSeries else {
                        throw AddonFailure("there are \(Self.maximumSeries) series already")
                    }
                    let sum = state.values[series, default: 0] + value
                    guard sum.isFinite else { throw AddonFailure("the sum is too large") }
                    state.values[series] = sum
                } catch {
                    dropped += 1
                    reason = reason ?? error.description
                }
            }
            state.dropped += dropped
            return (dropped, reason)
        }
    }

    /// Whether this is the first time that something of the worker's is dropped.
    func isFirstDrop(_ worker: String) -> Bool { state.withLock { $0.reported.insert(worker).inserted } }

    var json: JSON {
        state.withLock { state in
            let sorted = state.values.sorted {
                ($0.key.name, $0.key.labelText) < ($1.key.name, $1.key.labelText)
            }
            let metrics = sorted.map { series, value -> JSON in
                var labels = JSONObject()
                for label in series.labels { labels[label[0]] = .string(label[1]) }
                let number = Int(exactly: value).flatMap { abs($0) <= 1 << 53 ? JSON.int($0) : nil } ?? .double(value)
                return ["name": .string(series.name), "labels": .object(labels), "value": number]
            }
            let own = counters.all.map { series, value -> JSON in
                var labels: JSONObject = ["kind": .string(series.kind)]
                labels["addon"] = series.addon.map { .string($0) }
                return ["name": .string(series.name), "labels": .object(labels), "value": .int(value)]
            }
            return ["metrics": .array(own + metrics), "dropped": .int(state.dropped)]
        }
    }

    /// Their counters as families of metrics, under names of Prometheus' kind. What becomes the same by that is added up.
    var families: [MetricFamily] {
        let values = state.withLock { $0.values }
        var sums: [String: [[String]: (labels: [(name: String, value: String)], sum: Double)]] = [:]
        for (series, value) in values {
            var labels: [(name: String, value: String)] = []
            for label in series.labels {
                var name = MetricName.label(label[0])
                while labels.contains(where: { $0.name == name }) { name += "_" }
                labels.append((name, label[1]))
            }
            let key = labels.map { "\($0.name)=\($0.value)" }
            sums[Self.family(series.name), default: [:]][key, default: (labels, 0)].sum += value
        }
        return sums.map { name, samples in
            MetricFamily(
                Instrument(.counter, name, "Counted by addons."),
                samples.values.map { MetricFamily.Sample($0.labels, .number($0.sum)) })
        }
    }

    /// Without what the formats add behind a counter's name, and unlike any name of ours.
    private static func family(_ name: String) -> String {
        let name = MetricName.metric("addon_" + name)
        return name.hasSuffix("_total") ? String(name.dropLast(6)) : name
    }

    /// Brings the proxy's own ones among what is measured up to date.
    func record(in registry: MetricRegistry) {
        counters.record(in: registry)
        registry.record(AddonInstruments.table.metricsDropped, is: Double(state.withLock { $0.dropped }))
    }

    private static func read(_ entry: JSON) throws(AddonFailure) -> (Series, Double) {
        guard let name = entry["name"]?.string, isName(name) else {
            throw AddonFailure("name: expected at most \(maximumLength) letters, digits and _.:")
        }
        guard let value = (entry["value"] ?? 1).double, value.isFinite, value >= 0 else {
            throw AddonFailure("value of '\(name)': expected a number from 0")
        }
        let members = entry["labels"]?.object?.members ?? []
        guard members.count <= maximumLabels else { throw AddonFailure("'\(name)' has more than \(maximumLabels) labels") }
        var labels: [[String]] = []
        for member in members {
            guard isName(member.key), let text = member.value.string, text.utf8.count <= maximumLength else {
                throw AddonFailure("a label of '\(name)': expected a name and a text of at most \(maximumLength) bytes")
            }
            labels.append([member.key, text])
        }
        return (Series(name: name, labels: labels.sorted { $0[0] < $1[0] }), value)
    }

    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= maximumLength
            && text.utf8.allSatisfy {
                (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || "_.:".utf8.contains($0)
            }
    }
}
