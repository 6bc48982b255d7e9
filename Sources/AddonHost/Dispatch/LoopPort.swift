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
    var chain = Chain()
    var seating = Seating()
    /// Bytes of the last event's line: the next one will have about as many.
    private var lastSize = 2048

    init(loop: any EventLoop, host: AddonHost) {
        self.loop = loop
        self.host = host
    }

    func hasListeners(_ hook: any AnyHook) -> Bool { chain.heard.contains(hook.index) }

    func contentNeed(_ hook: any AnyHook, of flow: HTTPFlow) -> ContentNeed {
        var need = ContentNeed.nothing
        for entry in chain[hook.index] {
            guard need < .bytes,
                let subscription = seat(entry, flow: flow.id, client: flow.client.value.id)?.subscription
            else { continue }
            if subscription.filtersContent { return .bytes }
            guard subscription.content.isWhole, subscription.admits(flow.any) else { continue }
            let delivery = subscription.delivery
            let takesFiles = subscription.content == .whole && delivery.takesDescriptors && !subscription.observes
            need = max(need, !takesFiles ? .bytes : delivery.area == nil ? .file : .longFile)
        }
        return need
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
        _ hook: Hook<Payload>, _ payload: Payload, waiter: Waiter?
    ) async throws(ProxyFailure) -> HookOutcome<Payload> {
        try await outcome(of: hook, payload, waiter)
    }

    /// Apart from `fire`, which a port's callers reach without knowing the payload's type: as one function it would set up room for any
    /// payload's suspensions before it goes the way of flows.
    @inline(never)
    @specialized(where Payload == FlowEvent)
    private func outcome<Payload: HookPayload>(
        of hook: Hook<Payload>, _ payload: Payload, _ waiter: Waiter?
    ) async throws(ProxyFailure) -> HookOutcome<Payload> {
        var made: [Change<Payload>] = []
        var working = payload
        let entries = chain[hook.index]
        for index in entries.indices {
            let entry = entries[index]
            let seated =
                if let clients = entry.addon.clients, let client = working.anyClient {
                    try await own(clients, entry, client, working.anyFlow?.id, waiter)
                } else {
                    seat(entry, flow: working.anyFlow?.id, client: working.clientID)
                }
            guard let listener = seated, listener.subscription.admits(working.anyFlow) else { continue }
            guard !listener.subscription.observes else {
                tell(listener, working)
                continue
            }
            let (changes, failure) = try await ask(listener, working, waiter)
            if let failure { return HookOutcome(changes: made, failure: failure) }
            if made.isEmpty { made = changes } else { made += changes }
            if index < entries.count - 1 { for change in changes { change.apply(&working) } }
        }
        return HookOutcome(changes: made)
    }

    @specialized(where Payload == FlowEvent)
    private func tell<Payload: HookPayload>(_ listener: Listener, _ payload: Payload) {
        guard let link = listener.link else { return }
        var shown = shown(payload, listener.subscription.content, listener.subscription)
        listener.subscription.worker.grants.cap(&shown)
        if listener.subscription.content.isWhole { leaveOutLarge(&shown, listener.subscription) }
        link.notify(EventLine.notification(shown, listener.subscription))
    }

    /// Asks one worker, twice if its hook wants that and it died. A part of `fire`, and `reply` of it: each function that suspends costs
    /// as much as an answer is to read.
    @inline(__always)
    private func ask<Payload: HookPayload>(
        _ listener: Listener, _ payload: Payload, _ waiter: Waiter?
    ) async throws(ProxyFailure) -> (changes: [Change<Payload>], failure: ProxyFailure?) {
        let asked = NIODeadline.now()
        switch try await reply(of: listener, payload, attempt: 1, at: asked, waiter) {
        case .changes(let changes): return (changes, nil)
        case .killed: return ([], Self.killed(by: listener))
        case .failed(let failure, let held):
            return try await failed(listener, payload, failure, held, asked: asked, waiter)
        }
    }

    /// What one worker makes of an event.
    @inline(__always)
    private func reply<Payload: HookPayload>(
        of listener: Listener, _ payload: Payload, attempt: Int, at asked: NIODeadline, _ waiter: Waiter?
    ) async throws(ProxyFailure) -> Reply<Payload> {
        let subscription = listener.subscription
        let reply: Reply<Payload>
        if let link = listener.link {
            subscription.worker.load.add(1, ordering: .relaxed)
            defer { subscription.worker.load.subtract(1, ordering: .relaxed) }
            do throws(ProxyFailure) {
                if let shown = plainly(payload, subscription) {
                    let ticket = question(shown, to: link, subscription, attempt, at: asked)
                    let answer = try await answer(ticket, of: link, waiter)
                    // Few answers have a body beside them.
                    if ticket.received.isEmpty {
                        reply = read(answer, beside: [], shown, subscription)
                    } else {
                        let taken = try await take(answer, ticket, [], waiter)
                        reply = read(taken.answer, beside: taken.contents, shown, subscription)
                    }
                } else {
                    reply = try await consult(
                        Consultation(
                            payload: payload, link: link, limits: listener.limits, subscription: subscription,
                            mode: subscription.content, attempt: attempt, waiter: waiter))
                }
            } catch {
                subscription.meters.cancelled()
                throw error
            }
        } else {
            reply = .failed(listener.outage ?? LinkFailure(.crash, "it is down"))
        }
        reply.count(in: subscription.meters, after: (NIODeadline.now() - asked).nanoseconds)
        return reply
    }

    /// What becomes of an event whose worker has failed: it goes on, fails, or goes to another worker. `held` is what is to be kept in
    /// spite of it: a body that was read whole for the worker is in the flow's state, whatever becomes of the worker.
    private func failed<Payload: HookPayload>(
        _ first: Listener, _ payload: Payload, _ failure: LinkFailure, _ held: [Change<Payload>], asked: NIODeadline,
        _ waiter: Waiter?
    ) async throws(ProxyFailure) -> (changes: [Change<Payload>], failure: ProxyFailure?) {
        let (worker, subscription) = (first.subscription.worker, first.subscription)
        switch worker.bounds.resolution(of: failure.cause, subscription.policy, attempt: 1) {
        case .goOn: return (held, nil)
        case .fail: return ([], Self.failure(of: worker, subscription, failure))
        case .tryAgain: break
        }
        var payload = payload
        for change in held { change.apply(&payload) }
        let left = subscription.timeout - (MonotonicClock.now - MonotonicClock.time(asked))
        guard left > 0, let next = try await another(than: first, payload, left, waiter) else {
            return ([], Self.failure(of: worker, subscription, failure))
        }
        subscription.meters.retried()
        switch try await reply(of: next, payload, attempt: 2, at: .now(), waiter) {
        case .changes(let changes): return (held + changes, nil)
        case .killed: return ([], Self.killed(by: next))
        case .failed(let second, let more):
            for change in more { change.apply(&payload) }
            let subscription = next.subscription
            switch worker.bounds.resolution(of: second.cause, subscription.policy, attempt: 2) {
            case .goOn: return (held + more, nil)
            case .fail, .tryAgain:
                let deaths = [(first, failure), (next, second)].count { $0.link != nil && $1.cause == .crash }
                if deaths == 2 {
                    subscription.meters.poisoned()
                    host.poisoned(subscription, shown(payload, subscription.content, subscription))
                }
                return ([], Self.failure(of: worker, subscription, second))
            }
        }
    }

    private static func killed(by listener: Listener) -> ProxyFailure {
        .killed("addon '\(listener.subscription.worker.name)' killed the flow in '\(listener.subscription.name)'")
    }

    /// What an event shows whose line has all of it; nil if there is a body to be dealt with first. Without suspending, as most
    /// events are.
    @specialized(where Payload == FlowEvent)
    private func plainly<Payload: HookPayload>(_ payload: Payload, _ subscription: Subscription) -> Payload? {
        let mode = subscription.content
        guard mode == .none || mode == .whole else { return nil }
        var shown = shown(payload, mode, subscription)
        subscription.worker.grants.cap(&shown)
        return mode == .none || subscription.delivery.large(in: shown.flow).isEmpty ? shown : nil
    }

    /// One question to one worker, about an event with a body that has to be dealt with.
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
        _ event: Consultation<Payload>
    ) async throws(ProxyFailure) -> Reply<Payload> {
        let (subscription, link) = (event.subscription, event.link)
        guard let offer = try await offer(for: event) else {
            let decodes = event.mode == .decoded
            var shown =
                decodes
                ? try await decoded(event) : shown(event.payload, event.mode, subscription)
            // Who asked for this body in parts is told that it is empty.
            if event.mode.isPart, let side = subscription.side, case .omitted(0) = shown.flow?.content(of: side) {
                shown.flow?.set(.bytes(ByteBuffer()), of: side)
            }
            subscription.worker.grants.cap(&shown)
            let large = event.mode.isWhole ? subscription.delivery.large(in: shown.flow) : []
            let answer: LinkAnswer
            let ticket: EventTicket
            if large.isEmpty {
                ticket = question(shown, to: link, subscription, event.attempt)
                answer = try await self.answer(ticket, of: link, event.waiter)
            } else {
                (answer, ticket) = try await send(shown, beside: large, event)
            }
            let taken = try await take(answer, ticket, large, event.waiter)
            let reply = read(taken.answer, beside: taken.contents, shown, subscription)
            return decodes ? try await recoded(reply, shown, event) : reply
        }
        var shown = shown(event.payload, event.mode, subscription)
        shown.flow?.set(.reference(offer.shown), of: offer.side)
        let taken: Taken
        do throws(ProxyFailure) {
            let ticket = question(shown, to: link, subscription, event.attempt, stream: offer.stream)
            let answer = try await answer(ticket, of: link, event.waiter)
            taken = try await take(answer, ticket, [], event.waiter)
        } catch {
            offer.stream.drop(tells: true)
            throw error
        }
        let reply = read(taken.answer, beside: taken.contents, shown, subscription)
        return try await settle(offer, taken.answer, reply, shown, event)
    }

    /// Sends an event, and announces the stream that it names.
    @specialized(where Payload == FlowEvent)
    private func question<Payload: HookPayload>(
        _ shown: Payload, to link: WorkerLink, _ subscription: Subscription, _ attempt: Int, at time: NIODeadline = .now(),
        stream: WorkerStream? = nil
    ) -> EventTicket {
        let message = EventLine.event(
            shown, subscription, timeout: subscription.timeout, attempt: attempt, capacity: lastSize + 512)
        lastSize = min(message.bytes.count, 1 << 16)
        let ticket = EventTicket(policy: subscription.policy, on: loop)
        link.submit(message, timeout: subscription.timeout, at: time, stream: stream, ticket)
        return ticket
    }

    /// Waits for an answer; an event that nobody waits for any more is withdrawn.
    @inline(__always)
    func answer(
        _ ticket: EventTicket, of link: WorkerLink, _ waiter: Waiter?
    ) async throws(ProxyFailure) -> LinkAnswer {
        do {
            return try await ticket.wait(as: waiter)
        } catch {
            link.cancel(ticket, why: error.what == .timeout ? "timeout" : "client_gone")
            throw error
        }
    }

    @specialized(where Payload == FlowEvent)
    func shown<Payload: HookPayload>(_ payload: Payload, _ mode: ContentMode, _ subscription: Subscription) -> Payload {
        var shown = payload
        if !mode.isWhole { shown.leaveOutMessages() }
        guard mode != .whole, let flow = shown.flow, ContentView.holdsBodies(flow) else { return shown }
        shown.flow = ContentView.shown(flow, mode) { leftOut(of: flow, subscription, $0) }
        if !mode.isWhole { shown.leaveOutMessages() }
        return shown
    }

    private static func failure(of worker: Worker, _ subscription: Subscription, _ failure: LinkFailure) -> ProxyFailure {
        ProxyFailure(.worker, fault: .worker, "addon '\(worker.name)' failed in '\(subscription.name)': \(failure)")
    }
}
