import AddonWire
import FlowModel
import Glibc
import NIOCore
import NIOPosix
import ProxyKernel
import Schema
import Synchronization

/// One process of an addon as the host knows it: started, spoken to, started again when it dies, and ended in order.
///
/// Its state is confined to its loop; what is constant may be read anywhere. Of `Supervision` and `LinkCore`, which decide, it
/// is the hands.
final class Worker: @unchecked Sendable {
    let addon: Addon
    /// Its number among all workers that the addon has had, from 1.
    let serial: Int
    /// Its number among those of its generation, from 1.
    let seat: Int
    /// Which load of the addon it belongs to, from 1.
    let generation: Int
    /// Its addon's name; a number behind it tells one of several from the others.
    let name: String
    let loop: any EventLoop
    let host: AddonHost
    /// Events that were sent to it, or wait to be, and flows' events are chosen by.
    let load = Atomic(0)
    /// Whether it takes events; known here before the chain is without it.
    let isUp = Atomic(false)
    var supervision: Supervision
    var life: WorkerLife?
    var launched: EventLoopPromise<Void>?
    var ended: EventLoopPromise<Void>?
    /// Whether its deaths are met with new starts: not before the host has started, and not when it stops.
    var isSupervised = false
    var isStopping = false
    /// A newer generation has taken its place: it ends with its flows, and is not started again.
    var isRetiring = false
    var restart: Scheduled<Void>?
    var diedAt: Int64?
    var hopeful: [EventLoopPromise<Bool>] = []
    var isHopeless = false
    /// What it hooked when it was last up: what its flows miss while it is down.
    var lastSubscriptions: [Subscription] = []
    /// Starts after the first.
    var restarts = 0
    /// Nil for one that attached itself and hooks nothing.
    var meters: AddonMeters?
    /// Of the entries that it sends over the connection; what it prints has a rate of its own.
    private let entryRate: Mutex<LineRate>

    init(addon: Addon, serial: Int, seat: Int, generation: Int, loop: any EventLoop, host: AddonHost) {
        self.addon = addon
        self.serial = serial
        self.seat = seat
        self.generation = generation
        name = addon.bounds.workers > 1 || addon.clients != nil ? "\(addon.name)#\(seat)" : addon.name
        self.loop = loop
        self.host = host
        supervision = Supervision(bounds: addon.bounds.supervision)
        entryRate = Mutex(LineRate(rate: addon.bounds.logRate))
        if case .attached = addon.form { return }
        meters = AddonMeters(addon.name, host.meters.registry)
    }

    var bounds: AddonBounds { addon.bounds }
    var grants: Grants { addon.grants }
    /// Unique among all workers of the core.
    var id: String { "\(addon.name).\(addon.place).\(serial)" }

    /// Logs an entry that the worker sent: a text, or an object with `msg` and `level`. From any loop.
    func logEntry(_ entry: JSON) {
        guard let text = entry.string ?? entry["msg"]?.string else { return }
        let (isAdmitted, suppressed) = entryRate.withLock { $0.admit(now: MonotonicClock.now) }
        if suppressed > 0 { host.log.line(.warning, name, LineRate.text(suppressed)) }
        guard isAdmitted else {
            loop.execute { self.meters?.droppedLogLines.increment() }
            return
        }
        host.log.line(
            AddonLog.level(entry["level"]?.string), name,
            text.utf8.count <= bounds.logLine
                ? text : String(decoding: text.utf8.prefix(bounds.logLine), as: UTF8.self) + "…")
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
                link.notify(EventLine.notification(payload, subscription))
                promise.succeed(nil)
                return promise.futureResult
            }
            let timeout = subscription.timeout
            let began = NIODeadline.now()
            let ticket = EventTicket(policy: subscription.policy, on: loop) { answer in
                let taken = (NIODeadline.now() - began).nanoseconds
                switch answer {
                case .success: subscription.meters.answered(changes: false, after: taken)
                case .failure(let failure): subscription.meters.failed(failure.cause, after: taken)
                }
                if case .failure(let failure) = answer { promise.succeed((subscription, failure)) } else { promise.succeed(nil) }
            }
            link.submit(
                EventLine.event(payload, subscription, timeout: timeout, attempt: 1),
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
        isUp.store(true, ordering: .relaxed)
        host.publish(self, life.subscriptions.map { Listener($0, link: link, limits: link.core.limits) })
        lastSubscriptions = []
        if let clients = addon.clients, clients.ready(self) { host.startSpare(of: addon) }
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
            life.permissions = try permitted(result.permissions)
            let descriptors = result.capabilities.contains(.fd) ? life.descriptors.map { DescriptorSocket($0) } : nil
            life.descriptors = nil
            let area = result.capabilities.contains(.area) ? descriptors?.share(try? BodyArea()) : nil
            let limits = bounds.link
            let delivery = BodyDelivery(
                takesDescriptors: descriptors != nil, area: area, readsBodies: life.permissions.contains(BodyCalls.read.method),
                line: result.maximumLine.map { min($0, limits.ownLine) } ?? limits.workerLine)
            var subscriptions: [Subscription] = []
            var granted: [InitializeResult.GrantedHook] = []
            for (index, request) in result.hooks.enumerated() where grants.grants(request.hook) {
                let subscription = try Subscription(
                    request, at: "hooks[\(index)]", worker: self, bounds: bounds, delivery: delivery)
                subscriptions.append(subscription)
                granted.append((request, subscription.content, subscription.timeout, subscription.policy))
            }
            life.subscriptions = subscriptions
            if meters == nil, !subscriptions.isEmpty { meters = AddonMeters(addon.name, host.meters.registry) }
            life.commands = result.commands
            try host.commands.offer(result.commands, by: addon)
            try host.options.declare(result.options.map(\.option), by: addon.name)
            life.readReport()
            life.isReady = true
            let refused = result.hooks.filter { !grants.grants($0.hook) }.map(\.name)
            link.accept(
                result,
                InitializeResult.initialized(
                    granted, refused: refused, permissions: life.permissions, redacted: grants.redacted),
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
    var lineLimit: Int { (life?.link?.core.limits ?? bounds.link).workerLine }

    func called(_ link: WorkerLink, _ id: JSON, method: String, params: JSON) {
        guard let life, life.link === link, life.isReady else { return link.answer(id, .failure(.notReady)) }
        guard let call = CoreCall.named(method) else { return link.answer(id, .failure(.unknown(method))) }
        guard life.permissions.contains(method) else {
            host.violations.report(addon.name, .call, at: method, "it was not granted this call")
            return link.answer(id, .failure(.denied(method)))
        }
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
            "dropped an answer that came too late or to no request: \(counters.late) late, \(counters.duplicate) twice, \(counters.unknown) unknown so far"
        )
    }

    func ended(_ link: WorkerLink, _ end: LinkEnd, lost: [FailurePolicy: Int]) {
        guard let life, life.link === link else { return }
        publishCounters()
        life.end = end
        life.lost = lost
        isUp.store(false, ordering: .relaxed)
        if case .handshake(let reason) = end { life.refusal = reason }
        if isSupervised, !isStopping { publishOutage(life, .crash, "it has just died") }
        terminate(life)
        check(life)
    }
}
