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
public final class AddonHost: Sendable {
    public static let coreName = "weir"
    public static let coreVersion = "0.1.0"

    let loops: [any EventLoop]
    let hooks: [any AnyHook]
    let log: AddonLog
    let poison: Poison
    let flows: FlowRegistry
    /// Sends requests again for workers, once the host was started with one.
    var replays: (any FlowReplays)? { state.withLock { $0.replays } }
    /// The users, besides root and our own, whose processes may attach.
    let uids: Set<UInt32>
    let maximumAttached: Int
    let options: OptionStore
    let commands = CommandRegistry()
    let metrics: Metrics
    let meters: ProxyMeters
    let status: ProxyStatus
    let reconfiguration: Reconfiguration
    let state: Mutex<State>
    let troubles: TroubleLog
    let violations: Violations

    struct State {
        var ports: [LoopPort] = []
        var addons: [Addon] = []
        var nextPlace = 0
        var listeners: [ObjectIdentifier: [Listener]] = [:]
        var chain = Chain()
        var isRunning = false
        var isStopping = false
        var tick: RepeatedTask?
        var watching: RepeatedTask?
        var attachments: AttachedSocket?
        var isReplaced = false
        var replays: (any FlowReplays)?
    }

    public init(
        loops: [any EventLoop], hooks: [any AnyHook], options: OptionStore, logger: Logger, flows: FlowRegistry,
        counters: Counters = Counters(), meters: ProxyMeters = ProxyMeters(), status: ProxyStatus = ProxyStatus()
    ) {
        meters.registry.declare(AddonInstruments.table)
        self.meters = meters
        self.status = status
        self.loops = loops
        self.options = options
        let settings = options.settings
        self.hooks = hooks
        self.flows = flows
        metrics = Metrics(beside: counters)
        uids = Set(settings[AddonHostOptions.table.socketUIDs].compactMap { UInt32($0) })
        maximumAttached = settings[AddonHostOptions.table.maximumAttached]
        log = AddonLog(logger: logger)
        poison = Poison(folder: HomePath.expanded(settings[ProxyOptions.table.confdir]) + "/transcripts")
        troubles = TroubleLog(log: log)
        violations = Violations(log: log, counters: counters)
        reconfiguration = Reconfiguration(options: options, loop: loops[0])
        state = Mutex(State())
        let ports = loops.map { LoopPort(loop: $0, host: self) }
        state.withLock { $0.ports = ports }
    }

    /// Starts every addon and makes the handshakes: what they declare is known then. If one fails, those that were started are
    /// stopped, and the error names it and the reason.
    public func launch(_ addons: [AddonSpec]) async throws(AddonFailure) {
        var taken: [Addon] = []
        for addon in addons { if let addon = try add(addon) { taken.append(addon) } }
        let workers = taken.flatMap { addon in
            (0..<addon.bounds.workers).map { _ in addon.add(on: { self.loops[$0 % self.loops.count] }, host: self) }
        }
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
    ///
    /// Workers attach themselves at the path `attachedSocket`, or at the socket that others have opened: then the path, if there is one,
    /// is the socket's, and is ours to take away in the end.
    public func start(
        attachedSocket: String? = nil, opened: CInt? = nil, replays: (any FlowReplays)? = nil
    ) async throws(AddonFailure) {
        state.withLock { $0.replays = replays }
        let workers = workers
        do {
            for worker in workers { try await worker.onLoop { $0.tell(LifecycleHooks.table.start, EmptyEvent()) } }
            for worker in workers { try await worker.onLoop { $0.configureFirst() } }
            let attachments: AttachedSocket? =
                if let opened {
                    try await AttachedSocket.adopt(opened, path: attachedSocket, loop: loops[0], host: self)
                } else if let attachedSocket {
                    try await AttachedSocket.open(attachedSocket, loop: loops[0], host: self)
                } else { nil }
            state.withLock { $0.attachments = attachments }
            for worker in workers { try await worker.loop.submit { worker.enlist() }.get() }
            // Every port has its table when this returns.
            for loop in loops { try await loop.submit {}.get() }
        } catch {
            await stopAll(workers)
            throw error as? AddonFailure ?? AddonFailure("\(error)")
        }
    }

    /// The port of one of the host's loops.
    public func port(on loop: any EventLoop) -> any HookPort {
        let ports = state.withLock { $0.ports }
        return ports.first { $0.loop === loop } ?? ports[0]
    }

    /// The proxy listens: sends `running`, and begins the ticks.
    public func running() async {
        state.withLock { $0.isRunning = true }
        for worker in workers {
            // What comes of its failure, the worker has logged and decided itself.
            try? await worker.onLoop { $0.tell(LifecycleHooks.table.running, EmptyEvent()) }
        }
        updateTick()
        watch()
    }

    /// The socket at which workers attach themselves, and whether its file is ours; nil if there is none.
    public var attachedSocket: (descriptor: CInt, isOwn: Bool)? {
        get async { await state.withLock { $0.attachments }?.handover() }
    }

    /// Leaves workers that attach themselves to another process that has the socket, or takes them again.
    public func setAttaching(_ attaches: Bool) async { await state.withLock { $0.attachments }?.setAccepting(attaches) }

    /// Another process takes workers from now on, at the same socket.
    public func replaced() { state.withLock { $0.isReplaced = true } }

    /// Lets events end, sends `done` as the last one, and ends every process.
    public func shutdown() async {
        let (timers, attachments, isReplaced) = state.withLock { state in
            state.isStopping = true
            defer { (state.tick, state.watching, state.attachments) = (nil, nil, nil) }
            return ([state.tick, state.watching], state.attachments, state.isReplaced)
        }
        for timer in timers { timer?.cancel() }
        let workers = workers
        await attachments?.close(isHandedOver: isReplaced)
        let drains = workers.map { worker in worker.loop.flatSubmit { worker.drain(timeout: worker.bounds.drainTimeout) } }
        for drain in drains { try? await drain.get() }
        for worker in workers {
            try? await worker.onLoop { $0.tell(LifecycleHooks.table.done, EmptyEvent(), isLast: true) }
        }
        await stopAll(workers)
    }

    /// Ends what was launched and not started.
    public func abandon() async { await stopAll(workers) }

    /// The commands that addons offer, with what they take and give, by name.
    public var offeredCommands: [(name: String, arguments: String, result: String, help: String)] {
        commands.all.map { ($0.command.name, $0.command.arguments, $0.command.result, $0.command.help) }
    }

    /// A line of the proxy's log, for those who subscribed to `log`. From any thread, also while the line is being logged.
    public func logged(_ entry: LogEntry) {
        guard !AddonLog.isWriting else { return }
        let port: LoopPort? = state.withLock { state in
            guard !state.isStopping, !state.chain[LifecycleHooks.table.log.index].isEmpty else { return nil }
            return state.ports.first
        }
        guard let port else { return }
        port.loop.execute { port.notify(LifecycleHooks.table.log, LogEvent(entry: entry)) }
    }

    /// What a worker may use of what is not for every one.
    func offers(_ capability: Capability, to worker: Worker) -> Bool {
        switch capability {
        case .stream, .preview, .headerEdits: return true
        case .fd, .area:
            // Descriptors go to a process of our own alone, beside its connection.
            guard case .spawn = worker.addon.form else { return false }
            return worker.grants.grants(capability)
        }
    }

    /// Where bodies are held that are too long for memory.
    var bodies: BodyStore { BodyStore(options.settings) }

    /// Nil for one whose workers come by themselves.
    private func add(_ spec: AddonSpec) throws(AddonFailure) -> Addon? {
        let form: Addon.Form =
            switch spec.form {
            case .spawn(let command, let isStdio): .spawn(command, isStdio: isStdio)
            case .mitmproxy(let path):
                .spawn(try MitmproxyAddon.command(for: path, options.settings(of: spec.name)), isStdio: false)
            case .connect(let path): .connect(path: path)
            case .attach: .attached
            }
        if case .attached = form { return nil }
        let isOfMitmproxy = if case .mitmproxy = spec.form { true } else { false }
        return try add(spec.name, form, file: spec.file, isOfMitmproxy: isOfMitmproxy)
    }

    /// Takes in an addon under a name of its own, with the settings that were given for that name.
    func add(
        _ name: String, _ form: Addon.Form, file: String? = nil, isOfMitmproxy: Bool = false, isOperator: Bool = false
    ) throws(AddonFailure) -> Addon {
        try state.withLock { (state) throws(AddonFailure) in
            var unique = name
            var number = 2
            while state.addons.contains(where: { $0.name == unique }) {
                unique = "\(name)-\(number)"
                number += 1
            }
            let addon = try Addon(
                name: unique, place: state.nextPlace, form: form, file: file, isOfMitmproxy: isOfMitmproxy,
                isOperator: isOperator,
                settings: options.settings(of: unique), hooks: hooks)
            try trace(addon)
            state.nextPlace += 1
            state.addons.append(addon)
            return addon
        }
    }

    /// Begins the recording that the operator wants of an addon.
    private func trace(_ addon: Addon) throws(AddonFailure) {
        let path = addon.settings[AddonOptions.table.trace]
        guard !path.isEmpty else { return }
        do throws(AddonFailure) {
            let file = try TraceFile(HomePath.expanded(path), limit: addon.settings[AddonOptions.table.traceLimit].bytes)
            addon.traces.begin(
                try Trace(addon, rules: addon.settings[AddonOptions.table.traceHides], options: options.options, into: file))
        } catch {
            throw AddonFailure("addon '\(addon.name)': addon_trace: \(error)")
        }
    }

    func stopAll(_ workers: [Worker]) async {
        let stops = workers.map { worker in worker.loop.flatSubmit { worker.stop() } }
        for stop in stops { try? await stop.get() }
        state.withLock { state in
            state.addons = []
            state.listeners = [:]
            rebuild(&state)
        }
    }
}

extension Worker {
    /// Runs something on the worker's loop and waits for it; not from a loop.
    func onLoop(_ body: @escaping @Sendable (Worker) -> EventLoopFuture<Void>) async throws {
        try await loop.flatSubmit { body(self) }.get()
    }
}
