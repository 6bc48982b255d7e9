import AddonWire
import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// An answer without the bodies that it named by descriptor or by their place, and these.
struct Taken {
    typealias Body = (side: MessageSide, content: Content)

    let answer: LinkAnswer
    var contents: [Body] = []
}

/// Events with bodies that do not stand in their lines.
extension LoopPort {
    /// Sends an event with its bodies beside it: by descriptor, held for calls, or in the line after all.
    func send<Payload: HookPayload>(
        _ shown: Payload, beside large: [LargeBody], _ event: Consultation<Payload>
    ) async throws(ProxyFailure) -> (LinkAnswer, EventTicket) {
        let (link, subscription, attempt, waiter) = (event.link, event.subscription, event.attempt, event.waiter)
        let ticket = EventTicket(policy: subscription.policy, on: loop)
        var permit: BodyCarrier.Permit?
        let bodies = large.map { body in subscription.delivery.placed(body) }
        ticket.slots = bodies.compactMap(\.slot)
        if bodies.contains(where: \.needsDescriptor) {
            permit = try await self.permit(link, within: subscription.timeout, waiter)
            guard permit != nil else {
                let note = "bodies of events before it were not taken within \(subscription.timeout) ms"
                return (.failure(LinkFailure(.overload, note)), ticket)
            }
        }
        defer { withExtendedLifetime(permit) {} }
        let prepare = { @Sendable () throws(BodyFileFailure) in
            try bodies.map { (body) throws(BodyFileFailure) in try body.prepared() }
        }
        let made =
            bodies.contains(where: \.isSlow)
            ? try await BodyStore.offLoop(loop, as: waiter, prepare) : Result(catching: prepare)
        let prepared: [LargeBody]
        do throws(BodyFileFailure) { prepared = try made.get() } catch {
            return (.failure(LinkFailure(.tooLarge, "its body cannot be shown: \(error)")), ticket)
        }
        let timeout = subscription.timeout
        link.submit(prepared, timeout: timeout, ticket) { references in
            var contents: [(side: MessageSide, content: Content)] = []
            for (body, reference) in zip(prepared, references) {
                guard let content = body.shown(reference) else { return nil }
                contents.append((body.side, content))
            }
            var payload = shown
            payload.flow = payload.flow?.placing(contents)
            return EventLine.event(payload, subscription, timeout: timeout, attempt: attempt)
        }
        return (try await answer(ticket, of: link, waiter), ticket)
    }

    /// Takes the bodies over that an answer names by descriptor or by their place, and gives the answer without them.
    func take(
        _ answer: LinkAnswer, _ ticket: EventTicket, _ bodies: [LargeBody], _ waiter: Waiter?
    ) async throws(ProxyFailure) -> Taken {
        guard case .success(let result) = answer, !ticket.carried.isEmpty || !ticket.received.isEmpty else {
            return Taken(answer: answer)
        }
        let returned: ReturnedBodies
        do throws(StateRefusal) {
            returned = try ReturnedBodies(
                result, shown: zip(bodies, ticket.carried).map { (side: $0.side, reference: $1) })
        } catch {
            return Taken(answer: .failure(LinkFailure(.badReply, "\(error)")))
        }
        var taken = Taken(answer: .success(returned.rest))
        for body in returned.named {
            let path = "flow.\(body.side.rawValue).content"
            let copied: Result<Content, BodyFileFailure>
            switch body.place {
            case .area(let offset):
                copied = Result { () throws(BodyFileFailure) in
                    .bytes(try BodyArea.read(body.size, at: offset, in: ticket.slots))
                }
            case .descriptor(let number):
                switch ticket.received[number] {
                case .success(let descriptor): copied = try await take(descriptor, size: body.size, waiter)
                case .failure(let failure): return Taken(answer: .failure(LinkFailure(.badReply, "\(path): \(failure)")))
                case nil: return Taken(answer: .failure(LinkFailure(.badReply, "\(path): descriptors were not agreed on")))
                }
            }
            do throws(BodyFileFailure) {
                let content = try copied.get()
                // What stands in the shared file as it was put there is no change.
                if case .area = body.place, bodies.contains(where: { $0.side == body.side && $0.content == content }) { continue }
                taken.contents.append((body.side, content))
            } catch {
                return Taken(answer: .failure(LinkFailure(.badReply, "\(path): \(error)")))
            }
        }
        return taken
    }

    private func take(
        _ descriptor: OwnedDescriptor, size: Int, _ waiter: Waiter?
    ) async throws(ProxyFailure) -> Result<Content, BodyFileFailure> {
        let take = { @Sendable [store = host.bodies] () throws(BodyFileFailure) in
            try SealedMemory.take(descriptor, size: size, into: store)
        }
        let isQuick = size <= min(BodyStore.copiedSoon, host.bodies.memoryLimit)
        return isQuick ? Result(catching: take) : try await BodyStore.offLoop(loop, as: waiter, take)
    }

    /// Nobody answers a notification, so that nothing could be held for it: long bodies are left out.
    func leaveOutLarge<Payload: HookPayload>(_ payload: inout Payload, _ subscription: Subscription) {
        let large = subscription.delivery.large(in: payload.flow)
        guard !large.isEmpty else { return }
        payload.flow = payload.flow?.placing(
            large.filter { !$0.fitsLine || $0.content.buffer == nil }.map { ($0.side, .omitted($0.size)) })
    }

    private func permit(
        _ link: WorkerLink, within timeout: Int64, _ waiter: Waiter?
    ) async throws(ProxyFailure) -> BodyCarrier.Permit? {
        let isNear = link.loop.inEventLoop
        if isNear, let permit = link.carrier.enterNow(on: loop) { return permit }
        let pending = Pending<BodyCarrier.Permit?>(on: loop)
        let permit = isNear ? link.carrier.enter(on: loop) : link.loop.flatSubmit { link.carrier.enter(on: link.loop) }
        permit.whenSuccess { pending.resume($0) }
        let alarm = loop.scheduleTask(in: .milliseconds(timeout)) { pending.resume(nil) }
        defer { alarm.cancel() }
        return try await pending.wait(as: waiter)
    }
}
