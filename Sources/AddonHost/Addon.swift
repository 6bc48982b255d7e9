import NIOCore
import ProxyKernel
import Schema
import Synchronization

/// One addon as the operator named it: where it comes from, what it may do, and the workers that are it. From any thread.
final class Addon: Sendable {
    enum Form: Sendable {
        case spawn([String], isStdio: Bool)
        case connect(path: String)
        /// It comes to us; a worker that leaves is forgotten.
        case attached
    }

    private struct State {
        var workers: [Worker] = []
        var generation = 1
        var made = 0
        var isReloading = false
    }

    /// The name in the log; unique among the addons.
    let name: String
    /// Its place among the addons, by which chains are ordered; unique in the host.
    let place: Int
    let form: Form
    /// What people know it by: its change is noticed.
    let file: String?
    /// Whether that file is an addon of mitmproxy, which we run.
    let isOfMitmproxy: Bool
    /// Whether our own user or root runs it, outside of our hands: as one that governs the proxy.
    let isOperator: Bool
    let settings: Settings
    let bounds: AddonBounds
    /// Nil if clients share its workers.
    let clients: ClientWorkers?
    let grants: Grants
    /// What is being recorded of it.
    let traces = Traces()
    private let state = Mutex(State())

    /// Throws with the option whose value is wrong. `hooks` are all that there are.
    init(
        name: String, place: Int, form: Form, file: String?, isOfMitmproxy: Bool = false, isOperator: Bool, settings: Settings,
        hooks: [any AnyHook]
    ) throws(AddonFailure) {
        self.isOfMitmproxy = isOfMitmproxy
        self.isOperator = isOperator
        self.name = name
        self.place = place
        self.form = form
        self.file = file
        self.settings = settings
        bounds = AddonBounds(settings)
        clients = bounds.clients > 0 ? ClientWorkers() : nil
        do throws(AddonFailure) {
            grants = try Grants(Grants.Words(settings, isOperator: isOperator), hooks: hooks)
        } catch {
            throw AddonFailure("addon '\(name)': \(error)")
        }
    }

    /// All its workers, those of a generation that ends too.
    var workers: [Worker] { state.withLock { $0.workers } }
    /// The generation that new flows go to, counted from 1.
    var generation: Int { state.withLock { $0.generation } }

    /// Takes in a new worker, of this generation or the next one. `loop` is told how many workers there were before it.
    func add(on loop: (Int) -> any EventLoop, host: AddonHost) -> Worker {
        state.withLock { state in
            state.made += 1
            let generation = state.generation + (state.isReloading ? 1 : 0)
            let sameAge = state.workers.count { $0.generation == generation }
            let worker = Worker(
                addon: self, serial: state.made, seat: sameAge + 1, generation: generation,
                loop: loop(place + state.made - 1), host: host)
            state.workers.append(worker)
            return worker
        }
    }

    /// Takes a worker out for good; whether it was the last.
    func remove(_ worker: Worker) -> Bool {
        state.withLock { state in
            state.workers.removeAll { $0 === worker }
            return state.workers.isEmpty
        }
    }

    /// New workers are of the next generation from now on; false if that is so already.
    func beginReload() -> Bool {
        state.withLock { state in
            defer { state.isReloading = true }
            return !state.isReloading
        }
    }

    /// The next generation takes over, or there is none.
    func endReload(succeeded: Bool) {
        state.withLock { state in
            state.isReloading = false
            if succeeded { state.generation += 1 }
        }
    }
}
