import NIOCore
import Observability
import Schema

/// One addon as it stands at one moment: its workers together.
struct AddonStanding: Sendable {
    enum State: String, Sendable, CaseIterable {
        /// Every worker takes events.
        case up
        /// Some do.
        case degraded
        /// None does, because they failed too often.
        case broken
        case down
        /// None is to be started again.
        case stopped
    }

    let name: String
    let place: Int
    /// Nil for one that we do not start: whoever does decides.
    let level: String?
    let generation: Int
    /// In their order; those of an older generation that end with their flows too.
    let workers: [WorkerStanding]
    /// What the operator granted it.
    let grants: JSON
    /// Of all hooks, since the proxy started.
    let latency: Distribution

    init(_ addon: Addon, _ workers: [WorkerStanding], _ registry: MetricRegistry) {
        (name, place) = (addon.name, addon.place)
        if case .spawn = addon.form { level = addon.bounds.level.rawValue } else { level = nil }
        generation = addon.generation
        grants = addon.grants.json
        self.workers = workers
        latency = registry.distribution(AddonInstruments.table.seconds, first: addon.name)
    }

    var isAddon: Bool { workers.contains { $0.form != "attached" || !$0.hooks.isEmpty } }

    /// Those that are to take new flows.
    private var present: [WorkerStanding] {
        let present = workers.filter { $0.state != .retiring && $0.generation == generation }
        return present.isEmpty ? workers : present
    }

    var state: State {
        let workers = present
        let up = workers.count { $0.state == .up }
        if up == workers.count { return .up }
        if up > 0 { return .degraded }
        if workers.contains(where: { $0.state == .broken }) { return .broken }
        return workers.allSatisfy { $0.state == .stopped } ? .stopped : .down
    }

    var breaker: Supervision.State {
        Supervision.State.byGravity.first { state in present.contains { $0.breaker == state } } ?? .closed
    }

    var isRequired: Bool { workers.contains(where: \.isRequired) }

    var json: JSON {
        var json: JSONObject = [
            "name": .string(name), "place": .int(place), "level": level.map { .string($0) } ?? .null,
            "layers": present.lazy.compactMap(\.layers).first ?? .null,
            "state": .string(state.rawValue), "generation": .int(generation), "breaker": .string(breaker.word),
            "required": .bool(isRequired), "workers": .array(workers.map(\.json)),
            "hooks": .array(workers.first { !$0.hooks.isEmpty }?.hooks ?? []),
            "grants": grants,
        ]
        var seconds: JSONObject = ["count": .int(latency.count)]
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            seconds[name] = latency.quantile(share).map { .double($0) } ?? .null
        }
        json["event_seconds"] = .object(seconds)
        return .object(json)
    }

    /// Sets what is looked at only when it is asked for.
    func record(in registry: MetricRegistry) {
        let table = AddonInstruments.table
        let up = workers.count { $0.state == .up }
        registry.record(table.up, name, is: up > 0 ? 1 : 0)
        registry.record(table.workers, name, "up", is: Double(up))
        registry.record(table.workers, name, "not_up", is: Double(workers.count - up))
        registry.record(table.inFlight, name, is: Double(workers.reduce(0) { $0 + $1.inFlight }))
        registry.record(table.queued, name, is: Double(workers.reduce(0) { $0 + $1.queued }))
        registry.record(table.generation, name, is: Double(generation))
        for state in Supervision.State.byGravity {
            registry.record(table.breaker, name, state.word, is: state == breaker ? 1 : 0)
        }
    }
}
