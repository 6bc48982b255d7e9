import AddonWire
import NIOCore
import ProxyKernel
import Schema

/// One worker as it stands at one moment.
struct WorkerStanding: Sendable {
    enum State: String, Sendable {
        case up, starting, down
        /// It failed so often that it is left alone for a while.
        case broken
        /// A newer generation has taken its place; it ends with its flows.
        case retiring
        /// It is not to be started again.
        case stopped
    }

    let id: String
    /// How it came: `spawned`, `connected` or `attached`.
    let form: String
    let state: State
    let pid: Int?
    /// When its process or connection began: seconds since 1970.
    let since: Double?
    let generation: Int
    let restarts: Int
    let inFlight: Int
    let queued: Int
    /// Of this connection.
    let counters: LinkCounters
    let breaker: Supervision.State
    let hooks: [JSON]
    let permissions: [String]
    /// What its cage said that it got.
    let layers: JSON?
    /// Whether flows fail without it.
    let isRequired: Bool
    /// What happened last, if it is not up.
    let obituary: String?

    var json: JSON {
        var json: JSONObject = [
            "id": .string(id), "form": .string(form), "state": .string(state.rawValue), "generation": .int(generation),
            "restarts": .int(restarts), "in_flight": .int(inFlight), "queued": .int(queued), "late": .int(counters.late),
            "duplicate": .int(counters.duplicate), "unknown": .int(counters.unknown),
            "timeouts": .int(counters.failed[.timeout] ?? 0), "notifications_dropped": .int(counters.notificationsDropped),
            "breaker": .string(breaker.word),
        ]
        json["pid"] = pid.map { .int($0) } ?? .null
        json["permissions"] = .array(permissions.map { .string($0) })
        json["layers"] = layers ?? .null
        json["since"] = since.map { .double($0) } ?? .null
        if let obituary { json["died"] = .string(obituary) }
        return .object(json)
    }
}

extension Supervision.State {
    var word: String {
        switch self {
        case .closed: "closed"
        case .open: "open"
        case .halfOpen: "half_open"
        case .final: "final"
        }
    }

    /// The worst comes first.
    static let byGravity: [Supervision.State] = [.final, .open, .halfOpen, .closed]
}

extension Worker {
    /// How it stands. From any loop.
    func standing() -> EventLoopFuture<WorkerStanding> { loop.submit { self.present } }

    /// Adds what its connection has counted to the addon's meters. On its loop.
    func publishCounters() {
        guard let life, let counters = life.link?.core.counters else { return }
        meters?.add(counters, since: life.counted)
        life.counted = counters
    }

    private var present: WorkerStanding {
        publishCounters()
        let state = presentState
        let link = life?.end == nil ? life?.link : nil
        let subscriptions = life?.isReady == true ? life?.subscriptions ?? [] : lastSubscriptions
        return WorkerStanding(
            id: id, form: addon.form.word, state: state,
            pid: life.flatMap { $0.exit == nil ? $0.child.map { Int($0.pid) } : nil }, since: life?.since, generation: generation,
            restarts: restarts, inFlight: link?.core.eventsInFlight ?? 0, queued: link?.core.eventsQueued ?? 0,
            counters: life?.link?.core.counters ?? LinkCounters(), breaker: supervision.state,
            hooks: subscriptions.map(\.standing), permissions: life?.permissions ?? [], layers: life?.layers,
            isRequired: addon.form.word != "attached" && subscriptions.contains { $0.policy != .continue },
            obituary: state == .up ? nil : life.flatMap { $0.isOver ? $0.obituary : nil })
    }

    private var presentState: WorkerStanding.State {
        if isStopping || supervision.state == .final { return .stopped }
        if isRetiring, let life, life.isReady, life.end == nil { return .retiring }
        if isUp.load(ordering: .relaxed) { return .up }
        if supervision.state == .open { return .broken }
        return life?.isOver == false ? .starting : .down
    }

}

extension Addon.Form {
    /// For those who look at it.
    var word: String {
        switch self {
        case .spawn: "spawned"
        case .connect: "connected"
        case .attached: "attached"
        }
    }
}

extension Subscription {
    /// What was granted, as `initialized` said it.
    var standing: JSON {
        var json: JSONObject = [
            "name": .string(hook.name), "observe": .bool(observes), "timeout_ms": .int(Int(timeout)),
            "on_failure": .string(policy.rawValue), "order": .int(order),
        ]
        if let filter { json["filter"] = .string(filter.source) }
        return .object(json)
    }
}
