import AddonWire
import FlowModel
import NIOCore
import ProxyKernel

/// Which worker an event is for.
extension LoopPort {
    /// Replaces the chain; from any loop.
    func install(_ chain: Chain) {
        guard loop.inEventLoop else { return loop.execute { self.install(chain) } }
        let before = self.chain
        self.chain = chain
        // Where a newer generation takes over, what has begun stays with the old one.
        var living: [String]?
        for (place, generation) in chain.newest where before.newest[place].map({ $0 < generation }) ?? false {
            guard let old = before.worker(of: place) else { continue }
            let flows = living ?? host.flows.living(on: loop)
            living = flows
            seating.keep(flows, with: old)
        }
    }

    /// Which worker an event is for.
    func seat(
        _ entry: ChainEntry, flow: @autoclosure () -> String?, client: @autoclosure () -> String?
    ) -> Listener? {
        guard entry.addon.clients == nil, entry.listeners.count > 1 || !seating.isEmpty else { return entry.listeners.first }
        if seating.isCrowded { sweep() }
        return seating.listener(entry, chain, flow: flow(), client: client())
    }

    func seatedWorker(of flow: String, at place: Int) -> Worker? { seating.worker(of: flow, at: place, chain) }
    func keep(_ flow: String, with worker: Worker) {
        if seating.isCrowded { sweep() }
        seating.seat(flow, with: worker)
    }

    /// The worker's own wish of an entry, as the chain has it now; nil if it does not listen.
    func listener(of worker: Worker, in entry: ChainEntry) -> Listener? {
        let name = entry.listeners.first?.subscription.name
        for entry in chain[entry.listeners.first?.subscription.hook.index ?? 0] where entry.addon === worker.addon {
            if let own = entry.listeners.first(where: { $0.subscription.worker === worker && $0.subscription.name == name }) {
                return own
            }
        }
        return nil
    }

    private func sweep() { seating.sweep { [host] in host.flows.find($0)?.isLive ?? false } }

    /// Succeeds when no flow of this loop needs the worker any more, or after `timeout` milliseconds, with the number of flows that others
    /// have to take over. From any loop.
    func vacate(_ worker: Worker, timeout: Int64) -> EventLoopFuture<Int> {
        loop.flatSubmit { [self] in
            let deadline = MonotonicClock.now + timeout
            let done = loop.makePromise(of: Int.self)
            loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(20)) { [self] task in
                let left = seating.count(of: worker) { [host] in host.flows.find($0)?.isLive ?? false }
                guard left == 0 || MonotonicClock.now >= deadline else { return }
                task.cancel()
                seating.forget(worker)
                done.succeed(left)
            }
            return done.futureResult
        }
    }

    /// Who is asked after a worker has died: another one of its addon at once, else itself when it is back.
    func another<Payload: HookPayload>(
        than dead: Listener, _ payload: Payload, _ timeout: Int64, _ waiter: Waiter?
    ) async throws(ProxyFailure) -> Listener? {
        let (hook, name, worker) = (dead.subscription.hook.index, dead.subscription.name, dead.subscription.worker)
        func entry() -> ChainEntry? {
            chain[hook].first { entry in
                entry.addon === worker.addon && entry.listeners.contains { $0.subscription.name == name }
            }
        }
        let (flow, client) = (payload.anyFlow?.id, payload.clientID)
        if worker.addon.clients == nil, let entry = entry(),
            let sibling = seating.sibling(of: worker, entry, flow: flow, client: client)
        {
            return sibling
        }
        let pending = Pending<Bool>(on: loop)
        worker.comesBack(within: timeout).whenComplete { pending.resume((try? $0.get()) ?? false) }
        guard try await pending.wait(as: waiter) else { return nil }
        return entry()?.listeners.first { $0.subscription.worker === worker && $0.subscription.name == name && $0.link != nil }
    }
}
