import AddonWire
import FlowModel
import Glibc
import NIOCore
import NIOPosix
import ProxyKernel
import Schema
import Synchronization

/// One addon as the host knows it: started, spoken to, started again when it dies, and ended in order.
///
/// Its state is confined to its loop; what is constant may be read anywhere. Of `Supervision` and `LinkCore`, which decide, it
/// is the hands.
final class Worker: @unchecked Sendable {
    enum Form {
        case spawn([String], isStdio: Bool)
        case connect(path: String)
        /// It came to us; it is forgotten when it leaves.
        case attached
    }

    let name: String
    /// Its place among the addons, by which chains are ordered; unique in the host.
    let place: Int
    let loop: any EventLoop
    let form: Form
    let host: AddonHost
    private var supervision: Supervision
    private var life: WorkerLife?
    private var launched: EventLoopPromise<Void>?
    private var ended: EventLoopPromise<Void>?
    /// Whether its deaths are met with new starts: not before the host has started, and not when it stops.
    private var isSupervised = false
    private var isStopping = false
    private var restart: Scheduled<Void>?
    private var diedAt: Int64?
    private var hopeful: [EventLoopPromise<Bool>] = []
    private var isHopeless = false
    /// Of the entries that it sends over the connection; what it prints has a rate of its own.
    private let entryRate: Mutex<LineRate>

    init(name: String, place: Int, form: Form, loop: any EventLoop, host: AddonHost) {
        self.name = name
        self.place = place
        self.form = form
        self.loop = loop
        self.host = host
        supervision = Supervision(bounds: host.bounds.supervision)
        entryRate = Mutex(LineRate(rate: host.bounds.logRate))
    }

    /// Logs an entry that the worker sent: a text, or an object with `msg` and `level`. From any loop.
    func logEntry(_ entry: JSON) {
        guard let text = entry.string ?? entry["msg"]?.string else { return }
        let (isAdmitted, suppressed) = entryRate.withLock { $0.admit(now: MonotonicClock.now) }
        if suppressed > 0 { host.log.line(.warning, name, LineRate.text(suppressed)) }
        guard isAdmitted else { return }
        host.log.line(
            AddonLog.level(entry["level"]?.string), name, OutputLines.visible(Array(text.utf8.prefix(host.bounds.logLine))))
    }

    // MARK: Starting

    /// Starts the process or makes the connection; the future succeeds when the handshake is done, and fails with an
    /// `AddonFailure`. On the worker's loop.
    func launch() -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        launched = promise
        supervision.starting()
        let life = WorkerLife()
        self.life = life
        switch form {
        case .spawn(let command, let isStdio): spawn(command, isStdio: isStdio, life)
        case .connect(let path):
            connected(
                ClientBootstrap(group: loop).channelInitializer(initializer(life)).connect(unixDomainSocketPath: path), life)
        case .attached: break
        }
        return promise.futureResult
    }

    /// Takes a connection that a worker has made; instead of `launch`. On the worker's loop, before the channel is active.
    func adopt(_ channel: any Channel) throws -> EventLoopFuture<Void> {
        let future = launch()
        if let life { try channel.pipeline.syncOperations.addHandler(try makeLink(life)) }
        return future
    }

    private func spawn(_ command: [String], isStdio: Bool, _ life: WorkerLife) {
        let handle = NIOLoopBound(life, eventLoop: loop)
        do {
            let (child, ends) = try ChildProcess.start(command, isStdio: isStdio, name: name) { [self] exit in
                loop.execute { self.exited(handle.value, exit) }
            }
            life.child = child
            life.isOutputOver = false
            readOutput(ends.output, life)
            connected(
                ClientBootstrap(group: loop).channelInitializer(initializer(life)).withConnectedSocket(ends.socket), life)
        } catch {
            life.refusal = error.description
            life.end = .ended
            check(life)
        }
    }

    private func readOutput(_ descriptor: CInt, _ life: WorkerLife) {
        let handle = NIOLoopBound(life, eventLoop: loop)
        NIOPipeBootstrap(group: loop).channelInitializer { [self] channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(
                    WorkerOutput(lines: OutputLines(maximumLength: host.bounds.logLine, rate: host.bounds.logRate)) { line in
                        handle.value.lastLine = line
                        self.host.log.line(.info, self.name, line)
                    } finished: {
                        self.outputEnded(handle.value)
                    })
            }
        }.takingOwnershipOfDescriptor(input: descriptor).whenFailure { _ in self.outputEnded(handle.value) }
    }

    private func initializer(_ life: WorkerLife) -> @Sendable (any Channel) -> EventLoopFuture<Void> {
        let handle = NIOLoopBound(life, eventLoop: loop)
        return { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(try self.makeLink(handle.value))
            }
        }
    }

    private func makeLink(_ life: WorkerLife) throws -> WorkerLink {
        // The host may have stopped while the connection was being made.
        guard !isStopping else { throw AddonFailure("the proxy stops") }
        let link = WorkerLink(loop: loop, limits: host.bounds.link, initialize: host.initialize(self), owner: self)
        life.link = link
        return link
    }

    private func connected(_ channel: EventLoopFuture<any Channel>, _ life: WorkerLife) {
        let handle = NIOLoopBound(life, eventLoop: loop)
        channel.whenFailure { error in
            handle.value.refusal = "no connection\(self.peer): \(AddonFailure.reason(error))"
            handle.value.end = .ended
            self.check(handle.value)
        }
    }

    /// Where it was to be reached, for messages to people.
    private var peer: String { if case .connect(let path) = form { " to \(path)" } else { "" } }

    /// Sends an event of the proxy's own life, if the worker wants it. On the worker's loop, after the handshake.
    func tell<Payload: HookPayload>(_ hook: Hook<Payload>, _ payload: Payload, isLast: Bool = false) -> EventLoopFuture<Void> {
        guard let life, let link = life.link else { return loop.makeSucceededVoidFuture() }
        let answers = life.subscriptions.filter { $0.hook.index == hook.index }.map { subscription in
            if subscription.observes {
                link.notify(EventLine.notification(subscription.name, payload, subscription.selection))
                return loop.makeSucceededVoidFuture()
            }
            let promise = loop.makePromise(of: Void.self)
            let timeout = subscription.timeout
            let ticket = EventTicket(policy: subscription.policy) { [self] answer in
                switch answer {
                case .success: promise.succeed()
                case .failure(let failure):
                    let text = "'\(subscription.name)' failed: \(failure)"
                    if failure.cause == .crash || subscription.policy == .kill {
                        promise.fail(AddonFailure("addon '\(name)': \(text)"))
                    } else {
                        host.log.line(.warning, name, text)
                        promise.succeed()
                    }
                }
            }
            link.submit(
                EventLine.event(subscription.name, payload, subscription.selection, timeout: timeout, attempt: 1),
                timeout: timeout, isLast: isLast,
                ticket)
            return promise.futureResult
        }
        return EventLoopFuture.andAllSucceed(answers, on: loop)
    }

    /// Begins to send it the flows' events, and to start it again when it dies. On the worker's loop.
    func enlist() {
        isSupervised = true
        guard let life, life.isReady, life.end == nil, let link = life.link else {
            // It died between its last answer and now.
            if let life, life.isOver { buried(life) }
            return
        }
        supervision.ready(now: MonotonicClock.now)
        host.publish(self, life.subscriptions.map { Listener(subscription: $0, link: link, outage: nil) })
        hopeful.forEach { $0.succeed(true) }
        hopeful = []
        if let diedAt { host.log.line(.info, name, "is back after \(seconds(MonotonicClock.now - diedAt))") }
        diedAt = nil
    }

    /// Waits until the worker is up again: true, or false if that is not to be expected. From any loop.
    func comesBack(within timeout: Int64) -> EventLoopFuture<Bool> {
        loop.flatSubmit { [self] in
            if let life, life.isReady, life.end == nil, isSupervised { return loop.makeSucceededFuture(true) }
            guard isSupervised, !isHopeless, !isStopping else { return loop.makeSucceededFuture(false) }
            let promise = loop.makePromise(of: Bool.self)
            hopeful.append(promise)
            let alarm = loop.scheduleTask(in: .milliseconds(timeout)) { promise.succeed(false) }
            promise.futureResult.whenComplete { _ in alarm.cancel() }
            return promise.futureResult
        }
    }

    // MARK: Ending

    /// Lets the events at hand end, for at most `timeout`, and takes no others. On the worker's loop.
    func drain(timeout: Int64) -> EventLoopFuture<Void> {
        isStopping = true
        restart?.cancel()
        guard let link = life?.link, life?.isReady == true else { return loop.makeSucceededVoidFuture() }
        let promise = loop.makePromise(of: Void.self)
        let alarm = loop.scheduleTask(in: .milliseconds(timeout)) { promise.succeed() }
        link.drain().whenComplete { _ in
            alarm.cancel()
            promise.succeed()
        }
        return promise.futureResult
    }

    /// Asks it to end, and makes it. The future succeeds when nothing of it is left. On the worker's loop.
    func stop() -> EventLoopFuture<Void> {
        isStopping = true
        restart?.cancel()
        guard let life, !life.isOver else { return loop.makeSucceededVoidFuture() }
        let promise = ended ?? loop.makePromise(of: Void.self)
        if ended == nil {
            ended = promise
            if let link = life.link, life.isReady, life.end == nil {
                link.shutdown(timeout: host.bounds.killDelay).whenComplete { _ in link.close(.finished) }
            } else if let link = life.link {
                link.close(.finished)
            } else {
                terminate(life)
            }
        }
        return promise.futureResult
    }

    private func exited(_ life: WorkerLife, _ exit: ChildProcess.Exit) {
        life.exit = exit
        // Its last answers and words may still be in the socket and the pipe, or in the hands of a process that fled the group.
        life.timers.append(
            loop.scheduleTask(in: .milliseconds(200)) { [handle = NIOLoopBound(life, eventLoop: loop)] in
                handle.value.isOutputOver = true
                if let link = handle.value.link, handle.value.end == nil {
                    link.close(.ended)
                } else {
                    self.check(handle.value)
                }
            })
        check(life)
    }

    private func outputEnded(_ life: WorkerLife) {
        life.isOutputOver = true
        check(life)
    }

    /// Ends a process whose connection is over: a moment for its own end, SIGTERM, SIGKILL.
    private func terminate(_ life: WorkerLife) {
        guard let child = life.child, life.exit == nil else { return }
        let delay = TimeAmount.milliseconds(host.bounds.killDelay)
        life.timers.append(loop.scheduleTask(in: delay) { child.signal(SIGTERM) })
        life.timers.append(loop.scheduleTask(in: delay + delay) { child.signal(SIGKILL) })
    }

    private func check(_ life: WorkerLife) {
        guard life.isOver, !life.isReported else { return }
        life.isReported = true
        life.timers.forEach { $0.cancel() }
        if let launched {
            self.launched = nil
            launched.fail(AddonFailure("addon '\(name)': \(life.obituary)"))
        }
        ended?.succeed()
        ended = nil
        if isSupervised { buried(life) }
    }

    /// A life is over that somebody relied on: says so once, and decides about the next.
    private func buried(_ life: WorkerLife) {
        guard !isStopping else { return giveUp() }
        if case .attached = form {
            host.log.line(.info, name, "left: \(life.obituary)\(lostText(life))")
            isHopeless = true
            host.forget(self)
            return giveUp()
        }
        let now = MonotonicClock.now
        if diedAt == nil { diedAt = now }
        let decision = supervision.died(
            now: now, isFinal: life.exit == .status(Supervision.finalStatus), random: Double.random(in: 0..<1))
        let what = life.isReady ? "died: \(life.obituary)\(lostText(life))" : "did not start: \(life.obituary)"
        switch decision {
        case .restart(let delay):
            host.log.line(.warning, name, "\(what); starting it again in \(seconds(delay))")
            publishOutage(life, .crash, "it is being started again")
            relaunch(after: delay)
        case .pause(let delay):
            host.log.line(.error, name, "\(what); it failed too often and is left alone for \(seconds(delay))")
            publishOutage(life, .breakerOpen, "it failed too often and is left alone")
            giveUp()
            relaunch(after: delay)
        case .never:
            isHopeless = true
            host.log.line(.error, name, "\(what); it asked not to be started again")
            publishOutage(life, .start, "it asked not to be started again")
            giveUp()
        }
    }

    private func giveUp() {
        hopeful.forEach { $0.succeed(false) }
        hopeful = []
    }

    /// What its flows meet while it is down.
    private func publishOutage(_ life: WorkerLife, _ cause: FailureCause, _ note: String) {
        if life.isReady { lastSubscriptions = life.subscriptions }
        let outage = LinkFailure(cause, note)
        host.publish(self, lastSubscriptions.map { Listener(subscription: $0, link: nil, outage: outage) })
    }

    private var lastSubscriptions: [Subscription] = []

    private func relaunch(after delay: Int64) {
        restart = loop.scheduleTask(in: .milliseconds(delay)) { [self] in
            launch().flatMap { self.host.greet(self) }.whenComplete { result in
                switch result {
                case .success: self.enlist()
                case .failure(let error):
                    // If the process lives on after it refused its first events, its end is what counts.
                    if let life = self.life, life.end == nil { life.link?.close(.handshake("\(error)")) }
                }
            }
        }
    }

    private func lostText(_ life: WorkerLife) -> String {
        let count = life.lost.values.reduce(0, +)
        guard count > 0 else { return "" }
        let policies = FailurePolicy.allCases.compactMap { policy in life.lost[policy].map { "\($0) \(policy.rawValue)" } }
        return "; \(count) event\(count == 1 ? "" : "s") lost (\(policies.joined(separator: ", ")))"
    }

    private func seconds(_ milliseconds: Int64) -> String {
        let tenths = (milliseconds + 50) / 100
        return "\(tenths / 10).\(tenths % 10) s"
    }
}

extension Worker: LinkOwner {
    func initialized(_ link: WorkerLink, _ result: JSON) {
        guard let life, life.link === link else { return }
        do throws(StateRefusal) {
            let result = try InitializeResult(result, hooks: host.hooks)
            var subscriptions: [Subscription] = []
            for (index, request) in result.hooks.enumerated() {
                subscriptions.append(try Subscription(request, at: "hooks[\(index)]", worker: self, bounds: host.bounds))
            }
            life.subscriptions = subscriptions
            life.isReady = true
            let granted = zip(result.hooks, subscriptions).map { (hook: $0, timeout: $1.timeout, policy: $1.policy) }
            link.accept(result, InitializeResult.initialized(granted))
            launched?.succeed()
            launched = nil
        } catch {
            link.close(.handshake("its answer to initialize is refused: \(error)"))
        }
    }

    func notified(_ link: WorkerLink, method: String, params: JSON) {
        if method == "log" { logEntry(params) }
    }

    func droppedAnswers(_ link: WorkerLink, _ counters: LinkCounters) {
        host.log.line(
            .debug, name,
            "dropped an answer that came too late or to no request: \(counters.late) late, \(counters.unknown) unknown so far")
    }

    func ended(_ link: WorkerLink, _ end: LinkEnd, lost: [FailurePolicy: Int]) {
        guard let life, life.link === link else { return }
        life.end = end
        life.lost = lost
        if case .handshake(let reason) = end { life.refusal = reason }
        if isSupervised, !isStopping { publishOutage(life, .crash, "it has just died") }
        terminate(life)
        check(life)
    }
}
