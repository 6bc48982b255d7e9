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
    /// By the hooks' indices, each in the order of the chain.
    private var table: [[Listener]] = []
    /// Bytes of the last event's line: the next one will have about as many.
    private var lastSize = 2048

    init(loop: any EventLoop, host: AddonHost) {
        self.loop = loop
        self.host = host
    }

    /// Replaces the table; from any loop.
    func install(_ table: [[Listener]]) {
        guard loop.inEventLoop else { return loop.execute { self.table = table } }
        self.table = table
    }

    func hasListeners(_ hook: any AnyHook) -> Bool {
        hook.index < table.count && !table[hook.index].isEmpty
    }

    func needsContent(_ hook: any AnyHook, of flow: HTTPFlow) -> Bool {
        guard hook.index < table.count else { return false }
        return table[hook.index].contains { listener in
            let subscription = listener.subscription
            if let filter = subscription.filter, filter.needsRequestContent || filter.needsResponseContent { return true }
            return subscription.content.isWhole && subscription.admits(.http(flow))
        }
    }

    func wantsFiles(_ hook: any AnyHook, of flow: HTTPFlow) -> Bool {
        guard hook.index < table.count else { return true }
        return table[hook.index].allSatisfy { listener in
            let subscription = listener.subscription
            if let filter = subscription.filter, filter.needsRequestContent || filter.needsResponseContent { return false }
            guard subscription.content.isWhole, subscription.admits(.http(flow)) else { return true }
            return subscription.content == .whole && subscription.delivery.takesDescriptors && !subscription.observes
        }
    }

    @specialized(where Payload == FlowEvent)
    func notify<Payload: HookPayload>(_ hook: Hook<Payload>, _ payload: Payload) {
        guard hook.index < table.count else { return }
        for listener in table[hook.index] where listener.subscription.admits(payload.anyFlow) { tell(listener, payload) }
    }

    @specialized(where Payload == FlowEvent)
    func fire<Payload: HookPayload>(
        _ hook: Hook<Payload>, _ payload: Payload, waiter: Waiter?, isolation: isolated (any Actor)?
    ) async throws(ProxyFailure) -> HookOutcome<Payload> {
        var outcome = HookOutcome<Payload>()
        guard hook.index < table.count else { return outcome }
        var working = payload
        let listeners = table[hook.index]
        for (index, listener) in listeners.enumerated() where listener.subscription.admits(working.anyFlow) {
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
            if index < listeners.count - 1 { for change in changes { change.apply(&working) } }
        }
        return outcome
    }

    @specialized(where Payload == FlowEvent)
    private func tell<Payload: HookPayload>(_ listener: Listener, _ payload: Payload) {
        guard let link = listener.link else { return }
        var shown = shown(payload, listener.subscription.content, listener.subscription)
        if listener.subscription.content.isWhole { leaveOutLarge(&shown, listener.subscription) }
        link.notify(EventLine.notification(listener.subscription.name, shown, listener.subscription.selection))
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
        for attempt in 1...2 {
            let subscription = listener.subscription
            let reply: Reply<Payload>
            if let link = listener.link {
                reply = try await consult(
                    Consultation(
                        payload: payload, link: link, limits: listener.limits, subscription: subscription,
                        mode: subscription.content,
                        attempt: attempt, waiter: waiter), isolation: isolation)
            } else {
                reply = .failed(listener.outage ?? LinkFailure(.crash, "it is down"))
            }
            switch reply {
            case .changes(let changes): return (held + changes, nil)
            case .killed: return ([], .killed("addon '\(worker.name)' killed the flow in '\(subscription.name)'"))
            case .failed(let failure, let kept):
                held += kept
                for change in kept { change.apply(&payload) }
                switch subscription.policy.resolution(of: failure.cause, attempt: attempt) {
                case .goOn: return (held, nil)
                case .fail: return ([], Self.failure(of: worker, subscription, failure))
                case .tryAgain:
                    let left = subscription.timeout - (MonotonicClock.now - began)
                    let index = subscription.hook.index
                    guard left > 0, try await comesBack(worker, left, waiter, isolation: isolation), index < table.count,
                        let next = table[index].first(where: {
                            $0.subscription.worker === worker && $0.subscription.name == subscription.name && $0.link != nil
                        })
                    else { return ([], Self.failure(of: worker, subscription, failure)) }
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
        guard let offer = try await offer(for: event, isolation: isolation) else {
            let decodes = event.mode == .decoded
            var shown =
                decodes
                ? try await decoded(event, isolation: isolation) : shown(event.payload, event.mode, subscription)
            // Who asked for this body in parts is told that it is empty.
            if event.mode.isPart, let side = subscription.side, case .omitted(0) = shown.flow?.content(of: side) {
                shown.flow?.set(.bytes(ByteBuffer()), of: side)
            }
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
            subscription.name, shown, subscription.selection, timeout: subscription.timeout, attempt: attempt,
            capacity: lastSize + 512)
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

    private func comesBack(
        _ worker: Worker, _ timeout: Int64, _ waiter: Waiter?, isolation: isolated (any Actor)?
    ) async throws(ProxyFailure) -> Bool {
        let pending = Pending<Bool>(on: loop)
        worker.comesBack(within: timeout).whenComplete { pending.resume((try? $0.get()) ?? false) }
        return try await pending.wait(as: waiter, isolation: isolation)
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
            var changes = try Payload.changes(from: shown, to: result, at: "", access: .writable)
            changes += taken.contents.map { body in Self.content(body.side) { $0.set(body.content, of: body.side) } }
            try StreamedBodies.check(changes.map(\.path), of: shown.flow, in: subscription)
            if let entries = result["log"]?.array { entries.forEach { subscription.worker.logEntry($0) } }
            if let entries = result["metrics"]?.array {
                let worker = subscription.worker
                worker.loop.execute { worker.count(entries) }
            }
            if let kill = result["kill"] {
                guard let kills = kill.bool else { throw .expected("a boolean", at: "kill", found: kill) }
                if kills { return .killed }
            }
            let mayKill = changes.contains { $0.path.hasPrefix("flow.error") }
            guard mayKill else { return .changes(changes) }
            var answered = shown
            for change in changes { change.apply(&answered) }
            if answered.anyFlow?.isKilled == true, shown.anyFlow?.isKilled == false { return .killed }
            return .changes(changes)
        } catch {
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
