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
    var supervision: Supervision
    var life: WorkerLife?
    var launched: EventLoopPromise<Void>?
    var ended: EventLoopPromise<Void>?
    /// Whether its deaths are met with new starts: not before the host has started, and not when it stops.
    var isSupervised = false
    var isStopping = false
    var restart: Scheduled<Void>?
    var diedAt: Int64?
    var hopeful: [EventLoopPromise<Bool>] = []
    var isHopeless = false
    /// What it hooked when it was last up: what its flows miss while it is down.
    var lastSubscriptions: [Subscription] = []
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

    /// Sends an event of the proxy's own life, if the worker wants it. On the worker's loop, after the handshake.
    func tell<Payload: HookPayload>(_ hook: Hook<Payload>, _ payload: Payload, isLast: Bool = false) -> EventLoopFuture<Void> {
        ask(hook, payload, isLast: isLast).flatMapThrowing { [self] failures in
            for (subscription, failure) in failures {
                let text = "'\(subscription.name)' failed: \(failure)"
                if failure.cause == .crash || subscription.policy == .kill { throw AddonFailure("addon '\(name)': \(text)") }
                host.log.line(.warning, name, text)
            }
        }
    }

    /// Sends an event of the proxy's own life to each subscription, and gathers the failures. On the worker's loop.
    func ask<Payload: HookPayload>(
        _ hook: Hook<Payload>, _ payload: Payload, isLast: Bool = false
    ) -> EventLoopFuture<[(Subscription, LinkFailure)]> {
        guard let life, let link = life.link else { return loop.makeSucceededFuture([]) }
        let answers = life.subscriptions.filter { $0.hook.index == hook.index }.map { subscription in
            let promise = loop.makePromise(of: (Subscription, LinkFailure)?.self)
            guard !subscription.observes else {
                link.notify(EventLine.notification(subscription.name, payload, subscription.selection))
                promise.succeed(nil)
                return promise.futureResult
            }
            let timeout = subscription.timeout
            let ticket = EventTicket(policy: subscription.policy) { answer in
                if case .failure(let failure) = answer { promise.succeed((subscription, failure)) } else { promise.succeed(nil) }
            }
            link.submit(
                EventLine.event(subscription.name, payload, subscription.selection, timeout: timeout, attempt: 1),
                timeout: timeout, isLast: isLast, ticket)
            return promise.futureResult
        }
        return EventLoopFuture.whenAllSucceed(answers, on: loop).map { $0.compactMap { $0 } }
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
        host.publish(self, life.subscriptions.map { Listener($0, link: link, limits: link.core.limits) })
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
}

extension Worker: LinkOwner {
    func initialized(_ link: WorkerLink, _ result: JSON) {
        guard let life, life.link === link else { return }
        do throws(StateRefusal) {
            let result = try InitializeResult(result, hooks: host.hooks)
            life.permissions = try host.permissions(result.permissions)
            let descriptors = result.capabilities.contains(.fd) ? life.descriptors : nil
            life.descriptors = nil
            let limits = host.bounds.link
            let delivery = BodyDelivery(
                takesDescriptors: descriptors != nil, readsBodies: life.permissions.contains(BodyCalls.read.method),
                line: result.maximumLine.map { min($0, limits.ownLine) } ?? limits.workerLine)
            var subscriptions: [Subscription] = []
            for (index, request) in result.hooks.enumerated() {
                subscriptions.append(
                    try Subscription(
                        request, at: "hooks[\(index)]", worker: self, bounds: host.bounds, delivery: delivery))
            }
            life.subscriptions = subscriptions
            try host.commands.offer(result.commands, by: self)
            try host.options.declare(result.options.map(\.option), by: name)
            life.isReady = true
            let granted = zip(result.hooks, subscriptions).map { (hook: $0, timeout: $1.timeout, policy: $1.policy) }
            link.accept(
                result, InitializeResult.initialized(granted, permissions: life.permissions),
                descriptors: descriptors)
            launched?.succeed()
            launched = nil
        } catch {
            link.close(.handshake("its answer to initialize is refused: \(error)"))
        }
    }

    func notified(_ link: WorkerLink, method: String, params: JSON) {
        switch method {
        case "log": logEntry(params)
        case "metrics.add": count(params["metrics"]?.array ?? [params])
        default: break
        }
    }

    /// The longest line that the worker takes. On its loop.
    var lineLimit: Int { (life?.link?.core.limits ?? host.bounds.link).workerLine }

    func called(_ link: WorkerLink, _ id: JSON, method: String, params: JSON) {
        guard let life, life.link === link, life.isReady else { return link.answer(id, .failure(.notReady)) }
        guard let call = CoreCall.named(method) else { return link.answer(id, .failure(.unknown(method))) }
        guard life.permissions.contains(method) else { return link.answer(id, .failure(.denied(method))) }
        do throws(CallFailure) {
            try call.answer(params, self).whenComplete { result in
                link.answer(id, result.mapError { $0 as? CallFailure ?? .conflict("\($0)") })
            }
        } catch {
            link.answer(id, .failure(error))
        }
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
