import AddonWire
import FlowModel
import Logging
import NIOCore
import ProxyKernel
import Schema
import Synchronization

/// All addons of the proxy: starts them, and carries hooks to them by one port a loop.
///
/// Order of calls: `start`, `running`, `shutdown`, each once; ports may be used from `start`'s return on.
package final class AddonHost: Sendable {
    package static let coreName = "weir"
    package static let coreVersion = "0.1.0"

    let loops: [any EventLoop]
    let hooks: [any AnyHook]
    let bounds: AddonBounds
    let log: AddonLog
    let flows: FlowRegistry
    /// Sends requests again for workers, once the host was started with one.
    var replays: (any FlowReplays)? { state.withLock { $0.replays } }
    /// What workers may be granted.
    private let grantable: Set<String>
    let options: OptionStore
    let commands = CommandRegistry()
    let metrics: Metrics
    let reconfiguration: Reconfiguration
    private let state: Mutex<State>
    private let troubles: TroubleLog

    struct State {
        var ports: [LoopPort] = []
        var workers: [Worker] = []
        var nextPlace = 0
        /// By the workers' places.
        var listeners: [Int: [Listener]] = [:]
        var table: [[Listener]] = []
        var isRunning = false
        var isStopping = false
        var tick: RepeatedTask?
        var attachments: AttachedSocket?
        var replays: (any FlowReplays)?
    }

    package init(
        loops: [any EventLoop], hooks: [any AnyHook], options: OptionStore, logger: Logger, flows: FlowRegistry,
        counters: Counters = Counters()
    ) {
        self.loops = loops
        self.options = options
        let settings = options.settings
        self.hooks = hooks
        bounds = AddonBounds(settings)
        self.flows = flows
        metrics = Metrics(beside: counters)
        grantable = Set(settings[AddonOptions.table.permissions])
        log = AddonLog(logger: logger)
        troubles = TroubleLog(log: log)
        reconfiguration = Reconfiguration(options: options, loop: loops[0])
        state = Mutex(State())
        let ports = loops.map { LoopPort(loop: $0, host: self) }
        state.withLock { $0.ports = ports }
    }

    /// Starts every addon and makes the handshakes: what they declare is known then. If one fails, those that were started are
    /// stopped, and the error names it and the reason.
    package func launch(_ addons: [AddonSpec]) async throws(AddonFailure) {
        let workers = addons.map { add($0) }
        do {
            let launches = workers.map { worker in worker.loop.flatSubmit { worker.launch() } }
            for launch in launches { try await launch.get() }
        } catch {
            await stopAll(workers)
            throw error as? AddonFailure ?? AddonFailure("\(error)")
        }
    }

    /// Sends `start` and `configure` to the addons that were launched, in their order. If one fails or refuses the options, all
    /// are stopped, and the error names it and the reason.
    package func start(attachedSocket: String? = nil, replays: (any FlowReplays)? = nil) async throws(AddonFailure) {
        let workers = state.withLock { state in
            state.replays = replays
            return state.workers
        }
        do {
            for worker in workers { try await worker.onLoop { $0.tell(LifecycleHooks.table.start, EmptyEvent()) } }
            for worker in workers { try await worker.onLoop { $0.configureFirst() } }
            if let attachedSocket {
                let attachments = try await AttachedSocket.open(attachedSocket, loop: loops[0], host: self)
                state.withLock { $0.attachments = attachments }
            }
            for worker in workers { try await worker.loop.submit { worker.enlist() }.get() }
            // Every port has its table when this returns.
            for loop in loops { try await loop.submit {}.get() }
        } catch {
            await stopAll(workers)
            throw error as? AddonFailure ?? AddonFailure("\(error)")
        }
    }

    /// The port of one of the host's loops.
    package func port(on loop: any EventLoop) -> any HookPort {
        let ports = state.withLock { $0.ports }
        return ports.first { $0.loop === loop } ?? ports[0]
    }

    /// The proxy listens: sends `running`, and begins the ticks.
    package func running() async {
        let workers = state.withLock { state in
            state.isRunning = true
            return state.workers
        }
        for worker in workers.sorted(by: { $0.place < $1.place }) {
            // What comes of its failure, the worker has logged and decided itself.
            try? await worker.onLoop { $0.tell(LifecycleHooks.table.running, EmptyEvent()) }
        }
        updateTick()
    }

    /// Lets events end, sends `done` as the last one, and ends every process.
    package func shutdown() async {
        let (workers, tick, attachments) = state.withLock { state in
            state.isStopping = true
            defer { (state.tick, state.attachments) = (nil, nil) }
            return (state.workers.sorted { $0.place < $1.place }, state.tick, state.attachments)
        }
        tick?.cancel()
        await attachments?.close()
        let drains = workers.map { worker in worker.loop.flatSubmit { worker.drain(timeout: self.bounds.drainTimeout) } }
        for drain in drains { try? await drain.get() }
        for worker in workers {
            try? await worker.onLoop { $0.tell(LifecycleHooks.table.done, EmptyEvent(), isLast: true) }
        }
        await stopAll(workers)
    }

    /// Ends what was launched and not started.
    package func abandon() async { await stopAll(state.withLock { $0.workers }) }

    /// The commands that addons offer, with what they take and give, by name.
    package var offeredCommands: [(name: String, arguments: String, result: String, help: String)] {
        commands.all.map { ($0.command.name, $0.command.arguments, $0.command.result, $0.command.help) }
    }

    /// A line of the proxy's log, for those who subscribed to `log`. From any thread, also while the line is being logged.
    package func logged(_ entry: LogEntry) {
        guard !AddonLog.isWriting else { return }
        let port: LoopPort? = state.withLock { state in
            let index = LifecycleHooks.table.log.index
            guard !state.isStopping, index < state.table.count, !state.table[index].isEmpty else { return nil }
            return state.ports.first
        }
        guard let port else { return }
        port.loop.execute { port.notify(LifecycleHooks.table.log, LogEvent(entry: entry)) }
    }

    /// What a worker may use of what is not for every one.
    func offers(_ capability: Capability, to worker: Worker) -> Bool {
        switch capability {
        case .stream, .preview: return true
        case .fd:
            // Descriptors go to a process of our own alone, beside its connection.
            guard case .spawn = worker.form else { return false }
            return grantable.contains("all") || grantable.contains(capability.rawValue)
        }
    }

    /// Where bodies are held that are too long for memory.
    var bodies: BodyStore { BodyStore(options.settings) }

    /// Those of the wanted permissions that the operator allows; the refusal names one that does not exist.
    func permissions(_ wanted: [String]) throws(StateRefusal) -> [String] {
        for (index, word) in wanted.enumerated() where CoreCall.named(word) == nil {
            throw StateRefusal(.badState, at: "permissions[\(index)]", "there is no permission '\(word)'")
        }
        return wanted.filter { grantable.contains("all") || grantable.contains($0) }
    }

    private func add(_ spec: AddonSpec) -> Worker {
        let form: Worker.Form =
            switch spec.form {
            case .spawn(let command, let isStdio): .spawn(command, isStdio: isStdio)
            case .connect(let path): .connect(path: path)
            }
        return add(spec.name, form, on: nil)
    }

    /// Takes in a worker under a name of its own, on the next loop in turn if none is given.
    func add(_ name: String, _ form: Worker.Form, on loop: (any EventLoop)?) -> Worker {
        state.withLock { state in
            var unique = name
            var number = 2
            while state.workers.contains(where: { $0.name == unique }) {
                unique = "\(name)-\(number)"
                number += 1
            }
            let place = state.nextPlace
            state.nextPlace += 1
            let worker = Worker(name: unique, place: place, form: form, loop: loop ?? loops[place % loops.count], host: self)
            state.workers.append(worker)
            return worker
        }
    }

    private func stopAll(_ workers: [Worker]) async {
        let stops = workers.map { worker in worker.loop.flatSubmit { worker.stop() } }
        for stop in stops { try? await stop.get() }
        state.withLock { state in
            state.workers = []
            state.listeners = [:]
            rebuild(&state)
        }
    }
}

// MARK: What workers ask of their host

extension AddonHost {
    func initialize(_ worker: Worker) -> LinkMessage {
        InitializeRequest(
            coreName: Self.coreName, coreVersion: Self.coreVersion, workerID: "\(worker.name).\(worker.place)",
            workerName: worker.name, limits: bounds.link, options: .object(options.json),
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

    /// Replaces what one worker listens to, on every loop.
    func publish(_ worker: Worker, _ listeners: [Listener]) {
        state.withLock { state in
            guard state.workers.contains(where: { $0 === worker }) else { return }
            // While a worker is down, hooks that go on without it are as if nobody listened.
            state.listeners[worker.place] = listeners.filter { $0.link != nil || $0.subscription.policy != .continue }
            rebuild(&state)
        }
        updateTick()
    }

    /// The workers at hand, in the order of the chain as the command line gives it.
    var workers: [Worker] { state.withLock { $0.workers.sorted { $0.place < $1.place } } }

    /// Takes a worker out for good.
    func forget(_ worker: Worker) {
        state.withLock { state in
            state.workers.removeAll { $0 === worker }
            state.listeners[worker.place] = nil
            rebuild(&state)
        }
        commands.forget(worker)
        updateTick()
    }

    /// One event's failure, for the log: the first of a kind in a while, and how many followed.
    func trouble(_ subscription: Subscription, _ failure: LinkFailure) { troubles.report(subscription, failure) }

    private func rebuild(_ state: inout State) {
        let chain = state.listeners.sorted { $0.key < $1.key }.flatMap(\.value)
        let ordered = chain.enumerated().sorted {
            ($0.element.subscription.order, $0.offset) < ($1.element.subscription.order, $1.offset)
        }
        var table: [[Listener]] = []
        for (_, listener) in ordered {
            let index = listener.subscription.hook.index
            while table.count <= index { table.append([]) }
            table[index].append(listener)
        }
        state.table = table
        // Under the lock, so that two rebuilds reach each loop in their order.
        for port in state.ports { port.loop.execute { [table] in port.install(table) } }
    }

    private func updateTick() {
        state.withLock { state in
            let index = LifecycleHooks.table.tick.index
            let isWanted = state.isRunning && !state.isStopping && index < state.table.count && !state.table[index].isEmpty
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

extension Worker {
    /// Runs something on the worker's loop and waits for it; not from a loop.
    func onLoop(_ body: @escaping @Sendable (Worker) -> EventLoopFuture<Void>) async throws {
        try await loop.flatSubmit { body(self) }.get()
    }
}
