import Synchronization

/// Which worker of an addon sees a flow's events: the same one from its first event to its end, while it is up.
///
/// A flow takes the worker of its client, so that all flows of a connection meet the same state; a client takes the one that has the
/// least to do. Only addons that have several workers, or had when a flow began, need to be looked up. Confined to its port's loop.
struct Seating {
    /// By flow or client, then by the addon's place.
    private var flows: [String: [Int: Worker]] = [:]
    private var clients: [String: [Int: Worker]] = [:]
    private var turn = 0
    /// Flows at which the next look for ended ones is worth its time.
    private var patience = 1024

    private static let maximumClients = 65_536

    var isEmpty: Bool { flows.isEmpty && clients.isEmpty }
    var hasClients: Bool { !clients.isEmpty }
    var isCrowded: Bool { flows.count > patience }

    /// The listener for an event of the flow, or of the client alone, or of neither; nil if its worker does not listen.
    mutating func listener(_ entry: ChainEntry, _ chain: Chain, flow: String?, client: String?) -> Listener? {
        guard entry.listeners.count > 1 || !isEmpty else { return entry.listeners.first }
        let place = entry.addon.place
        if let seat = flow.flatMap({ flows[$0]?[place] }), chain.present.contains(ObjectIdentifier(seat)) {
            return entry.listeners.first { $0.subscription.worker === seat }
        }
        let newest = chain.newest[place] ?? 0
        var choice: Listener?
        if let seat = client.flatMap({ clients[$0]?[place] }), seat.generation == newest {
            choice = entry.listeners.first { $0.subscription.worker === seat && $0.link != nil }
        }
        guard let listener = choice ?? leastLoaded(entry.listeners.filter { $0.subscription.worker.generation == newest })
        else { return entry.listeners.first { $0.link == nil } }
        if entry.listeners.count > 1 { seat(listener.subscription.worker, at: place, flow: flow, client: client) }
        return listener
    }

    /// The worker that the flow has, if it is up.
    func worker(of flow: String, at place: Int, _ chain: Chain) -> Worker? {
        guard let seat = flows[flow]?[place], chain.present.contains(ObjectIdentifier(seat)) else { return nil }
        return seat
    }

    /// Gives a flow its worker.
    mutating func seat(_ flow: String, with worker: Worker) { seat(worker, at: worker.addon.place, flow: flow, client: nil) }

    /// Another worker of the entry than one that has just failed, which gets the flow from now on.
    mutating func sibling(of worker: Worker, _ entry: ChainEntry, flow: String?, client: String?) -> Listener? {
        let others = entry.listeners.filter {
            $0.subscription.worker !== worker && $0.link != nil && $0.subscription.worker.isUp.load(ordering: .relaxed)
        }
        guard let listener = leastLoaded(others) else { return nil }
        seat(listener.subscription.worker, at: entry.addon.place, flow: flow, client: client)
        return listener
    }

    /// Flows that live and have no worker of the addon yet are the old generation's.
    mutating func keep(_ living: [String], with worker: Worker) {
        for flow in living where flows[flow]?[worker.addon.place] == nil {
            flows[flow, default: [:]][worker.addon.place] = worker
        }
    }

    /// The worker's flows, of those that `isLive` says still live.
    mutating func count(of worker: Worker, isLive: (String) -> Bool) -> Int {
        sweep(isLive)
        return flows.values.count { $0[worker.addon.place] === worker }
    }

    mutating func forget(_ worker: Worker) {
        let place = worker.addon.place
        for (flow, seats) in flows where seats[place] === worker { flows[flow]?[place] = nil }
        for (client, seats) in clients where seats[place] === worker { clients[client]?[place] = nil }
        flows = flows.filter { !$0.value.isEmpty }
        clients = clients.filter { !$0.value.isEmpty }
    }

    mutating func left(_ client: String) { clients[client] = nil }

    /// Forgets the flows that have ended.
    mutating func sweep(_ isLive: (String) -> Bool) {
        flows = flows.filter { isLive($0.key) }
        patience = max(1024, 2 * flows.count)
    }

    private mutating func seat(_ worker: Worker, at place: Int, flow: String?, client: String?) {
        if let flow { flows[flow, default: [:]][place] = worker }
        guard let client else { return }
        // Clients whose end nobody tells of, such as those of replayed flows.
        if clients.count >= Self.maximumClients { clients = [:] }
        clients[client, default: [:]][place] = worker
    }

    private mutating func leastLoaded(_ listeners: [Listener]) -> Listener? {
        guard listeners.count > 1 else { return listeners.first }
        turn &+= 1
        let offset = turn % listeners.count
        // Where several have nothing to do, each has its turn.
        return (listeners[offset...] + listeners[..<offset]).min {
            $0.subscription.worker.load.load(ordering: .relaxed) < $1.subscription.worker.load.load(ordering: .relaxed)
        }
    }
}
