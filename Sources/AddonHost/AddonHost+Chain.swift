import AddonWire
import NIOCore
import ProxyKernel
import Schema

/// What workers ask of their host.
extension AddonHost {
    func initialize(_ worker: Worker) -> LinkMessage {
        InitializeRequest(
            coreName: Self.coreName, coreVersion: Self.coreVersion, workerID: worker.id,
            workerName: worker.addon.name, limits: worker.bounds.link,
            options: .object(OptionView(of: worker.grants, options).shown(options.json)),
            capabilities: Capability.allCases.filter { offers($0, to: worker) }
        ).message
    }

    /// Sends a worker that came later what the others were sent before. On the worker's loop.
    func greet(_ worker: Worker) -> EventLoopFuture<Void> {
        let isRunning = state.withLock { $0.isRunning }
        return worker.tell(LifecycleHooks.table.start, EmptyEvent())
            .flatMap { worker.configureFirst() }
            .flatMap {
                isRunning ? worker.tell(LifecycleHooks.table.running, EmptyEvent()) : worker.loop.makeSucceededVoidFuture()
            }
    }

    /// The addon that the operator has said a user's processes are.
    func addonAttached(by user: UInt32) -> String? {
        let entry = AddonEntryOptions.table
        return options.subjects.first { subject in
            let settings = options.settings(of: subject)
            return settings[entry.run] == "attach" && settings[entry.user] == Int(user)
        }
    }

    /// Replaces what one worker listens to, on every loop.
    func publish(_ worker: Worker, _ listeners: [Listener]) {
        state.withLock { state in
            guard state.addons.contains(where: { $0 === worker.addon }) else { return }
            state.listeners[ObjectIdentifier(worker)] = listeners
            rebuild(&state)
        }
        updateTick()
    }

    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// All workers, in the order of their addons.
    var workers: [Worker] { addons.flatMap(\.workers) }

    var attachedCount: Int {
        addons.reduce(0) { count, addon in if case .attached = addon.form { count + addon.workers.count } else { count } }
    }

    /// All addons, in their order.
    var addons: [Addon] { state.withLock { $0.addons } }

    /// Takes a worker out for good, and its addon with the last one.
    func forget(_ worker: Worker) {
        let isLast = worker.addon.remove(worker)
        state.withLock { state in
            if isLast { state.addons.removeAll { $0 === worker.addon } }
            state.listeners[ObjectIdentifier(worker)] = nil
            rebuild(&state)
        }
        guard isLast else { return updateTick() }
        commands.forget(worker.addon)
        troubles.forget(worker.addon.place)
        meters.registry.forget("addon", worker.addon.name)
        updateTick()
    }

    /// One event's failure, for the log: the first of a kind in a while, and how many followed.
    func trouble(_ subscription: Subscription, _ failure: LinkFailure) { troubles.report(subscription, failure) }

    func rebuild(_ state: inout State) {
        let listeners = state.addons.flatMap(\.workers).compactMap { worker in
            state.listeners[ObjectIdentifier(worker)].map { (worker: worker, listeners: $0) }
        }
        let chain = Chain(listeners)
        state.chain = chain
        // Under the lock, so that two rebuilds reach each loop in their order.
        for port in state.ports { port.loop.execute { port.install(chain) } }
    }

    func updateTick() {
        state.withLock { state in
            let isWanted = state.isRunning && !state.isStopping && !state.chain[LifecycleHooks.table.tick.index].isEmpty
            if isWanted, state.tick == nil, let port = state.ports.first {
                state.tick = port.loop.scheduleRepeatedTask(initialDelay: .milliseconds(100), delay: .milliseconds(100)) { _ in
                    port.notify(LifecycleHooks.table.tick, EmptyEvent())
                }
            } else if !isWanted {
                state.tick?.cancel()
                state.tick = nil
            }
        }
    }
}
