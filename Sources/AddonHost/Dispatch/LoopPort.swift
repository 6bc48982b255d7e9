import AddonWire
import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel
import Schema

/// One loop's way to all workers. Confined to its loop, but for `install`.
///
/// An event is encoded and its answer applied here; the connection may live on another loop.
final class LoopPort: HookPort, @unchecked Sendable {
    let loop: any EventLoop
    let host: AddonHost
    private var chain = Chain()
    private var seating = Seating()
    /// Bytes of the last event's line: the next one will have about as many.
    private var lastSize = 2048

    init(loop: any EventLoop, host: AddonHost) {
        self.loop = loop
        self.host = host
    }

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

    func hasListeners(_ hook: any AnyHook) -> Bool { !chain[hook.index].isEmpty }

    func contentNeed(_ hook: any AnyHook, of flow: HTTPFlow) -> ContentNeed {
        var need = ContentNeed.nothing
        for entry in chain[hook.index] {
            guard need < .bytes,
                let subscription = seat(entry, flow: flow.id, client: flow.client.value.id)?.subscription
            else { continue }
            if subscription.filtersContent { return .bytes }
            guard subscription.content.isWhole, subscription.admits(.http(flow)) else { continue }
            let takesFiles =
                subscription.content == .whole && subscription.delivery.takesDescriptors && !subscription.observes
            need = max(need, takesFiles ? .file : .bytes)
        }
        return need
    }

    /// Which worker an event is for.
    private func seat(
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

    @specialized(where Payload == FlowEvent)
    func notify<Payload: HookPayload>(_ hook: Hook<Payload>, _ payload: Payload) {
        for entry in chain[hook.index] {
            let seated =
                if let clients = entry.addon.clients, let client = payload.anyClient {
                    clients.worker(of: client.peername.host).flatMap { listener(of: $0, in: entry) }
                } else {
                    seat(entry, flow: payload.anyFlow?.id, client: payload.clientID)
                }
            guard let listener = seated, listener.subscription.admits(payload.anyFlow)
            else { continue }
            tell(listener, payload)
        }
        guard hook.index == ConnectionHooks.table.clientDisconnected.index, let client = payload.anyClient else { return }
        if seating.hasClients { seating.left(client.id) }
        if chain.hasClientWorkers { host.clientLeft(client) }
    }

    @specialized(where Payload == FlowEvent)
    func fire<Payload: HookPayload>(
        _ hook: Hook<Payload>, _ payload: Payload, waiter: Waiter?, isolation: isolated (any Actor)?
    ) async throws(ProxyFailure) -> HookOutcome<Payload> {
        var outcome = HookOutcome<Payload>()
        var working = payload
        let entries = chain[hook.index]
        for (index, entry) in entries.enumerated() {
            let seated =
                if let clients = entry.addon.clients, let client = working.anyClient {
                    try await own(clients, entry, client, working.anyFlow?.id, waiter, isolation: isolation)
                } else {
                    seat(entry, flow: working.anyFlow?.id, client: working.clientID)
                }
            guard let listener = seated, listener.subscription.admits(working.anyFlow) else { continue }
            guard !listener.subscription.observes else {
                tell(listener, working)
                continue
            }
            let (changes, failure) = try await ask(listener, working, waiter, isolation: isolation)
            if let failure {
                outcome.failure = failure
                return outcome
            }
            outcome.changes += changes
            if index < entries.count - 1 { for change in changes { change.apply(&working) } }
        }
        return outcome
    }

    @specialized(where Payload == FlowEvent)
    private func tell<Payload: HookPayload>(_ listener: Listener, _ payload: Payload) {
        guard let link = listener.link else { return }
        var shown = shown(payload, listener.subscription.content, listener.subscription)
        listener.subscription.worker.grants.cap(&shown)
        if listener.subscription.content.isWhole { leaveOutLarge(&shown, listener.subscription) }
        link.notify(EventLine.notification(shown, listener.subscription))
    }

    /// Asks one worker, twice if its hook wants that and it died.
    @specialized(where Payload == FlowEvent)
    private func ask<Payload: HookPayload>(
        _ first: Listener, _ payload: Payload, _ waiter: Waiter?, isolation: isolated (any Actor)?
    ) async throws(ProxyFailure) -> (changes: [Change<Payload>], failure: ProxyFailure?) {
        var listener = first
        var payload = payload
        // A body that was read whole for the worker is in the flow's state, whatever becomes of the worker.
        var held: [Change<Payload>] = []
        let began = MonotonicClock.now
        let worker = first.subscription.worker
        var deaths = 0
        for attempt in 1...2 {
            let subscription = listener.subscription
            let reply: Reply<Payload>
            let asked = NIODeadline.now()
            if let link = listener.link {
                do throws(ProxyFailure) {
                    reply = try await consult(
                        Consultation(
                            payload: payload, link: link, limits: listener.limits, subscription: subscription,
                            mode: subscription.content,
                            attempt: attempt, waiter: waiter), isolation: isolation)
                } catch {
                    subscription.meters.cancelled()
                    throw error
                }
            } else {
                reply = .failed(listener.outage ?? LinkFailure(.crash, "it is down"))
            }
            reply.count(in: subscription.meters, after: (NIODeadline.now() - asked).nanoseconds)
            switch reply {
            case .changes(let changes): return (held + changes, nil)
            case .killed: return ([], .killed("addon '\(worker.name)' killed the flow in '\(subscription.name)'"))
            case .failed(let failure, let kept):
                held += kept
                if failure.cause == .crash, listener.link != nil { deaths += 1 }
                for change in kept { change.apply(&payload) }
                switch worker.bounds.resolution(of: failure.cause, subscription.policy, attempt: attempt) {
                case .goOn: return (held, nil)
                case .fail:
                    if deaths == 2 {
                        subscription.meters.poisoned()
                        host.poisoned(subscription, shown(payload, subscription.content, subscription))
                    }
                    return ([], Self.failure(of: worker, subscription, failure))
                case .tryAgain:
                    let left = subscription.timeout - (MonotonicClock.now - began)
                    guard left > 0, let next = try await another(than: listener, payload, left, waiter, isolation: isolation)
                    else { return ([], Self.failure(of: worker, subscription, failure)) }
                    subscription.meters.retried()
                    listener = next
                }
            }
        }
        return (held, nil)
    }

    /// One question to one worker.
    struct Consultation<Payload: HookPayload> {
        var payload: Payload
        let link: WorkerLink
        let limits: LinkLimits
        let subscription: Subscription
        var mode: ContentMode
        let attempt: Int
        let waiter: Waiter?
    }

    /// Asks, and does with the event's body what the answer says.
    @specialized(where Payload == FlowEvent)
    func consult<Payload: HookPayload>(
        _ event: Consultation<Payload>, isolation: isolated (any Actor)?
    ) async throws(ProxyFailure) -> Reply<Payload> {
        let (subscription, link) = (event.subscription, event.link)
        subscription.worker.load.add(1, ordering: .relaxed)
        defer { subscription.worker.load.subtract(1, ordering: .relaxed) }
        guard let offer = try await offer(for: event, isolation: isolation) else {
            let decodes = event.mode == .decoded
            var shown =
                decodes
                ? try await decoded(event, isolation: isolation) : shown(event.payload, event.mode, subscription)
            // Who asked for this body in parts is told that it is empty.
            if event.mode.isPart, let side = subscription.side, case .omitted(0) = shown.flow?.content(of: side) {
                shown.flow?.set(.bytes(ByteBuffer()), of: side)
            }
            subscription.worker.grants.cap(&shown)
            let large = event.mode.isWhole ? subscription.delivery.large(in: shown.flow) : []
            let (answer, ticket) =
                large.isEmpty
                ? try await send(shown, to: link, subscription, event.attempt, nil, event.waiter, isolation: isolation)
                : try await send(shown, beside: large, event, isolation: isolation)
            let taken = try await take(answer, ticket, large, event.waiter, isolation: isolation)
            let reply = read(taken, shown, subscription)
            return decodes ? try await recoded(reply, shown, event, isolation: isolation) : reply
        }
        var shown = shown(event.payload, event.mode, subscription)
        shown.flow?.set(.reference(offer.shown), of: offer.side)
        let taken: Taken
        do throws(ProxyFailure) {
            let (answer, ticket) = try await send(
                shown, to: link, subscription, event.attempt, offer.stream, event.waiter, isolation: isolation)
            taken = try await take(answer, ticket, [], event.waiter, isolation: isolation)
        } catch {
            offer.stream.drop(tells: true)
            throw error
        }
        let reply = read(taken, shown, subscription)
        return try await settle(offer, taken.answer, reply, shown, event, isolation: isolation)
    }

    @specialized(where Payload == FlowEvent)
    private func send<Payload: HookPayload>(
        _ shown: Payload, to link: WorkerLink, _ subscription: Subscription, _ attempt: Int, _ stream: WorkerStream?,
        _ waiter: Waiter?, isolation: isolated (any Actor)?
    ) async throws(ProxyFailure) -> (LinkAnswer, EventTicket) {
        let message = EventLine.event(
            shown, subscription, timeout: subscription.timeout, attempt: attempt, capacity: lastSize + 512)
        lastSize = min(message.bytes.count, 1 << 16)
        let pending = Pending<LinkAnswer>(on: loop)
        let ticket = EventTicket(policy: subscription.policy) { pending.resume($0) }
        link.submit(message, timeout: subscription.timeout, stream: stream, ticket)
        return (try await answer(pending, ticket, of: link, waiter, isolation: isolation), ticket)
    }

    /// Waits for an answer; an event that nobody waits for any more is withdrawn.
    func answer(
        _ pending: Pending<LinkAnswer>, _ ticket: EventTicket, of link: WorkerLink, _ waiter: Waiter?,
        isolation: isolated (any Actor)?
    ) async throws(ProxyFailure) -> LinkAnswer {
        do {
            return try await pending.wait(as: waiter, isolation: isolation)
        } catch {
            link.cancel(ticket, why: error.what == .timeout ? "timeout" : "client_gone")
            throw error
        }
    }

    /// Who is asked after a worker has died: another one of its addon at once, else itself when it is back.
    private func another<Payload: HookPayload>(
        than dead: Listener, _ payload: Payload, _ timeout: Int64, _ waiter: Waiter?, isolation: isolated (any Actor)?
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
        guard try await pending.wait(as: waiter, isolation: isolation) else { return nil }
        return entry()?.listeners.first { $0.subscription.worker === worker && $0.subscription.name == name && $0.link != nil }
    }

    enum Reply<Payload: HookPayload> {
        case changes([Change<Payload>])
        case killed
        /// With what is to be kept in spite of it.
        case failed(LinkFailure, held: [Change<Payload>] = [])
    }

    /// What a worker's answer means, against what it was shown, with the bodies that it gave beside it.
    @specialized(where Payload == FlowEvent)
    private func read<Payload: HookPayload>(_ taken: Taken, _ shown: Payload, _ subscription: Subscription) -> Reply<Payload> {
        let result: JSON
        switch taken.answer {
        case .success(let json): result = json
        case .failure(let failure):
            // The end of a connection has its own line in the log, once for all the events that it took with it.
            if failure.cause != .crash { host.trouble(subscription, failure) }
            return .failed(failure)
        }
        do throws(StateRefusal) {
            guard result.object != nil else { throw .expected("an object", at: "result", found: result) }
            let restored = try EventLine.restored(result, shown, subscription)
            var changes = try Payload.changes(from: shown, to: restored, at: "", access: .writable)
            changes += taken.contents.map { body in Self.content(body.side) { $0.set(body.content, of: body.side) } }
            try subscription.worker.grants.check(changes, of: shown)
            try StreamedBodies.check(changes.map(\.path), of: shown.flow, in: subscription)
            if let entries = result["log"]?.array { entries.forEach { subscription.worker.logEntry($0) } }
            if let entries = result["metrics"]?.array {
                let worker = subscription.worker
                worker.loop.execute { worker.count(entries) }
            }
            if let kill = result["kill"] {
                guard let kills = kill.bool else { throw .expected("a boolean", at: "kill", found: kill) }
                if kills {
                    try subscription.worker.grants.checkKill()
                    return .killed
                }
            }
            let mayKill = changes.contains { $0.path.hasPrefix("flow.error") }
            guard mayKill else { return .changes(changes) }
            var answered = shown
            for change in changes { change.apply(&answered) }
            if answered.anyFlow?.isKilled == true, shown.anyFlow?.isKilled == false { return .killed }
            return .changes(changes)
        } catch {
            subscription.meters.rejected(error)
            if error.word == .denied { subscription.worker.violated(at: error) }
            return refused("\(error)", subscription)
        }
    }

    /// An answer that cannot be followed.
    func refused<Payload: HookPayload>(_ why: String, _ subscription: Subscription) -> Reply<Payload> {
        let failure = LinkFailure(.badReply, why)
        host.trouble(subscription, failure)
        return .failed(failure)
    }

    @specialized(where Payload == FlowEvent)
    func shown<Payload: HookPayload>(_ payload: Payload, _ mode: ContentMode, _ subscription: Subscription) -> Payload {
        var shown = payload
        if !mode.isWhole { shown.leaveOutMessages() }
        guard let flow = shown.flow else { return shown }
        shown.flow = ContentView.shown(flow, mode) { leftOut(of: flow, subscription, $0) }
        if !mode.isWhole { shown.leaveOutMessages() }
        return shown
    }

    private static func failure(of worker: Worker, _ subscription: Subscription, _ failure: LinkFailure) -> ProxyFailure {
        ProxyFailure(.worker, fault: .worker, "addon '\(worker.name)' failed in '\(subscription.name)': \(failure)")
    }
}
