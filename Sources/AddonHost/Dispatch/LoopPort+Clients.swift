import AddonWire
import FlowModel
import NIOCore
import ProxyKernel

/// Addons that have a process for each client.
extension LoopPort {
    /// The listener in the client's own worker, which is waited for; one that is down if none becomes free.
    func own(
        _ clients: ClientWorkers, _ entry: ChainEntry, _ client: Client, _ flow: String?, _ waiter: Waiter?
    ) async throws(ProxyFailure) -> Listener? {
        if let flow, let worker = seatedWorker(of: flow, at: entry.addon.place) { return listener(of: worker, in: entry) }
        let pending = Pending<Result<Worker, AddonFailure>>(on: loop)
        clients.worker(
            of: client.peername.host, connection: client.id, within: entry.listeners.first?.subscription.timeout ?? 5000, on: loop
        ) { [host] in host.startSpare(of: entry.addon) }.whenComplete { result in
            pending.resume(result.mapError { $0 as? AddonFailure ?? AddonFailure("\($0)") })
        }
        switch try await pending.wait(as: waiter) {
        case .success(let worker):
            if let flow { keep(flow, with: worker) }
            guard !worker.isUp.load(ordering: .relaxed) else { return listener(of: worker, in: entry) }
            return outage(entry, LinkFailure(.crash, "the client's own process is down"))
        case .failure(let failure): return outage(entry, LinkFailure(.overload, failure.description))
        }
    }

    private func outage(_ entry: ChainEntry, _ failure: LinkFailure) -> Listener? {
        entry.listeners.first.map { Listener($0.subscription, outage: failure) }
    }
}

extension AddonHost {
    /// Seconds after which a client without connections has no process any more.
    private static let patience = TimeAmount.seconds(30)

    /// Starts a worker that is nobody's yet, if there may be one more. From any thread.
    func startSpare(of addon: Addon) {
        guard addon.workers.count < addon.bounds.clients, !isStopping else { return }
        let worker = addon.add(on: { self.loops[$0 % self.loops.count] }, host: self)
        worker.loop.flatSubmit { worker.launch().flatMap { self.greet(worker) } }.whenComplete { result in
            switch result {
            case .success: worker.loop.execute { worker.enlist() }
            case .failure(let error):
                self.log.line(.error, worker.name, "\(error)")
                worker.loop.flatSubmit { worker.stop() }.whenComplete { _ in self.forget(worker) }
            }
        }
    }

    /// A client's connection has ended. On the loop of a port.
    func clientLeft(_ client: Client) {
        for addon in addons {
            guard let clients = addon.clients, let worker = clients.left(client.peername.host, connection: client.id) else {
                continue
            }
            worker.loop.scheduleTask(in: Self.patience) { [self] in
                guard clients.release(worker) else { return }
                worker.isRetiring = true
                retire(worker)
            }
        }
    }
}
