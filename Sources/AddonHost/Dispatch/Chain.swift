import AddonWire

/// A subscription with the connection that its events take, as a port keeps it.
final class Listener: Sendable {
    let subscription: Subscription
    /// Nil while the worker is down.
    let link: WorkerLink?
    /// What the connection was agreed to carry.
    let limits: LinkLimits
    /// Why it is down, if it is.
    let outage: LinkFailure?

    init(_ subscription: Subscription, link: WorkerLink, limits: LinkLimits) {
        (self.subscription, self.link, self.limits, outage) = (subscription, link, limits, nil)
    }

    init(_ subscription: Subscription, outage: LinkFailure) {
        (self.subscription, link, limits, self.outage) = (subscription, nil, LinkLimits(), outage)
    }
}

/// One addon's place in the chain of one hook: its workers that listen, each of which can be asked.
final class ChainEntry: Sendable {
    let addon: Addon
    /// Those that are up, of every generation that is; else one that is down.
    let listeners: [Listener]

    init(addon: Addon, listeners: [Listener]) { (self.addon, self.listeners) = (addon, listeners) }

    var order: Int { listeners.first?.subscription.order ?? 0 }
}

/// Hooks by their indices, each a bit.
struct HookSet: Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    func contains(_ hook: Int) -> Bool { (hook < 64 ? low : high) &>> UInt64(truncatingIfNeeded: hook) & 1 == 1 }

    mutating func insert(_ hook: Int) {
        precondition(hook < 128, "more hooks than a set of them has bits")
        let bit = UInt64(1) &<< UInt64(truncatingIfNeeded: hook)
        if hook < 64 { low |= bit } else { high |= bit }
    }
}

/// Who listens to what, as ports keep it.
struct Chain: Sendable {
    /// By the hooks' indices, each in its order.
    private(set) var entries: [[ChainEntry]] = []
    /// To which hooks anybody listens.
    private(set) var heard = HookSet()
    /// Which generation new flows of an addon go to, by its place: the newest that is up.
    private(set) var newest: [Int: Int] = [:]
    /// Workers that are up.
    private(set) var present: Set<ObjectIdentifier> = []

    /// Whether an addon has a process for each client.
    private(set) var hasClientWorkers = false

    init() {}

    /// `listeners` are those of each worker, in the order of the addons and of their workers.
    init(_ listeners: [(worker: Worker, listeners: [Listener])]) {
        // Workers of one addon are the same program: the first wish of each for a hook is one entry, the second another.
        struct Key: Hashable {
            let place: Int
            let hook: Int
            let number: Int
        }
        var groups: [Key: [Listener]] = [:]
        var keys: [Key] = []
        for (worker, listeners) in listeners {
            if worker.addon.clients != nil { hasClientWorkers = true }
            var counts: [Int: Int] = [:]
            for listener in listeners {
                let hook = listener.subscription.hook.index
                let key = Key(place: worker.addon.place, hook: hook, number: counts[hook, default: 0])
                counts[hook, default: 0] += 1
                if groups[key] == nil { keys.append(key) }
                groups[key, default: []].append(listener)
                guard listener.link != nil else { continue }
                present.insert(ObjectIdentifier(worker))
                newest[worker.addon.place] = max(newest[worker.addon.place] ?? 0, worker.generation)
            }
        }
        var ordered: [(hook: Int, entry: ChainEntry)] = []
        for key in keys {
            guard let group = groups[key], let first = group.first else { continue }
            let up = group.filter { $0.link != nil }
            // While an addon is down, hooks that go on without it are as if nobody listened.
            guard !up.isEmpty || first.subscription.policy != .continue else { continue }
            ordered.append((key.hook, ChainEntry(addon: first.subscription.worker.addon, listeners: up.isEmpty ? [first] : up)))
        }
        for (hook, entry) in ordered.enumerated().sorted(by: {
            ($0.element.entry.order, $0.offset) < ($1.element.entry.order, $1.offset)
        })
        .map(\.element) {
            while entries.count <= hook { entries.append([]) }
            entries[hook].append(entry)
            heard.insert(hook)
        }
    }

    /// A worker that is up, of the newest generation of the addon of that place.
    func worker(of place: Int) -> Worker? {
        for entries in entries {
            for entry in entries where entry.addon.place == place {
                for listener in entry.listeners
                where listener.link != nil && listener.subscription.worker.generation == newest[place] {
                    return listener.subscription.worker
                }
            }
        }
        return nil
    }

    subscript(hook: Int) -> [ChainEntry] { hook < entries.count ? entries[hook] : [] }
}
