import AddonWire
import NIOCore
import ProxyKernel
import Schema

/// Loading addons anew while flows pass: new processes are ready before the old ones end, and no flow changes from one to the other.
extension AddonHost {
    /// Loads an addon anew. Returns when new flows go to the new processes; the old ones end with their flows, at the latest after
    /// `addon_retire_timeout`. Throws if there is no such addon, if it is being loaded, or if the new one does not start: the old one
    /// goes on then.
    public func reload(_ name: String) async throws(AddonFailure) {
        guard let addon = addons.first(where: { $0.name == name }) else { throw AddonFailure("there is no addon '\(name)'") }
        if case .attached = addon.form { throw AddonFailure("addon '\(name)' attaches itself: start it anew where it runs") }
        guard addon.beginReload() else { throw AddonFailure("addon '\(name)' is being loaded already") }
        let old = addon.workers
        let new = (0..<addon.bounds.workers).map { _ in addon.add(on: { self.loops[$0 % self.loops.count] }, host: self) }
        do {
            let launches = new.map { worker in worker.loop.flatSubmit { worker.launch().flatMap { self.greet(worker) } } }
            for launch in launches { try await launch.get() }
        } catch {
            let reason = error as? AddonFailure ?? AddonFailure("addon '\(name)': \(error)")
            for worker in new {
                try? await worker.onLoop { $0.stop() }
                forget(worker)
            }
            restoreCommands(of: addon, as: old)
            addon.endReload(succeeded: false)
            log.line(.error, name, "is not loaded anew, what runs goes on: \(reason)")
            throw reason
        }
        for worker in old { try? await worker.loop.submit { worker.isRetiring = true }.get() }
        addon.endReload(succeeded: true)
        addon.clients?.forget(old)
        for worker in new { try? await worker.loop.submit { worker.enlist() }.get() }
        // Every port has its chain when this returns.
        for loop in loops { try? await loop.submit {}.get() }
        log.line(.info, name, "is loaded anew, generation \(addon.generation)")
        for worker in old { retire(worker) }
    }

    /// Loads every addon that is started by the core anew, one after another; the failures name the addons.
    public func reloadAll() async -> [AddonFailure] {
        var failures: [AddonFailure] = []
        for addon in addons {
            if case .attached = addon.form { continue }
            do throws(AddonFailure) { try await reload(addon.name) } catch { failures.append(error) }
        }
        return failures
    }

    /// Ends a worker of an old generation with its last flow.
    func retire(_ worker: Worker) {
        let ports = state.withLock { $0.ports }
        let timeout = worker.bounds.retirement
        let counts = ports.map { $0.vacate(worker, timeout: timeout) }
        EventLoopFuture.whenAllSucceed(counts, on: worker.loop).flatMap { [self] counts in
            let moved = counts.reduce(0, +)
            if moved > 0 { log.line(.warning, worker.name, "\(moved) flows of its old processes go on with the new ones") }
            publish(worker, [])
            return worker.drain(timeout: worker.bounds.drainTimeout)
                .flatMap { worker.tell(LifecycleHooks.table.done, EmptyEvent(), isLast: true).recover { _ in } }
                .flatMap { worker.stop() }
        }.whenComplete { [self] _ in
            worker.addon.clients?.forget([worker])
            forget(worker)
            log.line(.debug, worker.name, "generation \(worker.generation) has ended")
        }
    }

    /// The new processes may have offered other commands before they failed.
    private func restoreCommands(of addon: Addon, as workers: [Worker]) {
        guard let worker = workers.first else { return }
        worker.loop.execute { [commands] in
            if let offered = worker.life?.commands { try? commands.offer(offered, by: addon) }
        }
    }

    /// Looks once a second whether an addon's file has changed, and loads the addon anew when it has and stands still.
    func watch() {
        let watched = addons.filter { $0.file != nil && $0.bounds.watches }
        guard !watched.isEmpty else { return }
        let files = NIOLoopBoundBox.makeBoxSendingValue(
            watched.map { ($0, WatchedFile($0.file ?? "", followsImports: $0.isOfMitmproxy)) }, eventLoop: loops[0])
        let task = loops[0].scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { [self] _ in
            for index in files.value.indices where files.value[index].1.hasChanged() {
                let addon = files.value[index].0
                log.line(.info, addon.name, "its file has changed")
                loops[0].makeFutureWithTask { try await self.reload(addon.name) }.whenComplete { _ in }
            }
        }
        state.withLock { $0.watching = task }
    }
}
