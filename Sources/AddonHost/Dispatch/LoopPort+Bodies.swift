import AddonWire
import Codings
import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel
import Schema

/// Bodies that workers get in parts.
extension LoopPort {
    /// How long an event with a preview waits for the bytes that it is to show, where fewer have come.
    private static let patience = TimeAmount.seconds(1)

    /// What the worker is offered of the event's body; nil if it wants no part of it, or there is none.
    func offer<Payload: HookPayload>(
        for event: Consultation<Payload>
    ) async throws(ProxyFailure) -> BodyOffer? {
        let (payload, subscription) = (event.payload, event.subscription)
        guard event.mode.isPart, let side = subscription.side, let flow = payload.flow,
            let source = BodyOffer.source(side, of: flow, payload.bodies)
        else { return nil }
        var decoding: (any BodyStage)?
        if event.mode == .stream(decodes: true) {
            do throws(CodingFailure) {
                decoding = try decodingStage(for: side, of: flow)
            } catch {
                leftOut(of: flow, subscription, "the \(side.rawValue)'s body is left out: \(error)")
                return nil
            }
        }
        let stream = WorkerStream(to: event.link, subscription, on: loop, limits: event.limits)
        guard case .preview(let count) = subscription.content else {
            return BodyOffer(
                side: side, source: source, decoding: decoding, stream: stream, shown: .stream(stream.number))
        }
        let shown: ContentReference
        switch source {
        case .held(let content, let trailers):
            let path = BodyPath(content, trailers: trailers, on: loop)
            let beginning = try await path.prefix(
                count, patience: Self.patience, waiter: event.waiter, on: loop)
            let size = content.size ?? 0
            shown = .preview(beginning, size: size, isComplete: beginning.readableBytes >= size, stream: stream.number)
        case .flowing(let path):
            let beginning = try await path.prefix(
                count, patience: Self.patience, waiter: event.waiter, on: loop)
            let isComplete = path.pipe.isEnded && path.pipe.size == beginning.readableBytes
            shown = .preview(
                beginning, size: isComplete ? beginning.readableBytes : path.length.count, isComplete: isComplete,
                stream: stream.number)
        }
        return BodyOffer(side: side, source: source, decoding: nil, stream: stream, shown: shown)
    }

    /// Does with an offered body what the worker's answer says.
    func settle<Payload: HookPayload>(
        _ offer: BodyOffer, _ answer: LinkAnswer, _ reply: Reply<Payload>, _ shown: Payload, _ event: Consultation<Payload>
    ) async throws(ProxyFailure) -> Reply<Payload> {
        guard case .changes(let changes) = reply else {
            offer.stream.drop(tells: true)
            return reply
        }
        let more: BodyOffer.More?
        do throws(StateRefusal) {
            more = try (try? answer.get())?.object?.word("more", BodyOffer.More.self, at: "")
        } catch {
            offer.stream.drop(tells: true)
            event.subscription.meters.rejected(error)
            return refused("\(error)", event.subscription)
        }
        if offer.isReplaced(by: changes.map(\.path)) {
            offer.stream.drop(tells: false)
            if case .flowing(let path) = offer.source { path.discard() }
            return reply
        }
        // A request that the worker has answered itself goes to nobody.
        let isAnswered = offer.side == .request && shown.flow?.response == nil && answered(shown, changes).flow?.response != nil
        if isAnswered || (offer.isPreview && more == nil) {
            offer.stream.drop(tells: false)
            return reply
        }
        guard offer.isPreview, more == .whole else {
            return .changes(changes + (try await pass(offer, answered(shown, changes), event)))
        }
        offer.stream.drop(tells: false)
        return try await showWhole(offer, changes, event)
    }

    private func answered<Payload: HookPayload>(_ shown: Payload, _ changes: [Change<Payload>]) -> Payload {
        var answered = shown
        for change in changes { change.apply(&answered) }
        return answered
    }

    /// Sends the body through the worker: from now on if it flows, within the event if it is held.
    private func pass<Payload: HookPayload>(
        _ offer: BodyOffer, _ answered: Payload, _ event: Consultation<Payload>
    ) async throws(ProxyFailure) -> [Change<Payload>] {
        let side = offer.side
        var stages: [any BodyStage] = [offer.stream]
        var isBare = false
        if let decoding = offer.decoding { stages.insert(decoding, at: 0) }
        if event.mode == .stream(decodes: true), let flow = answered.flow {
            do throws(CodingFailure) {
                if let encoding = try flow.codings(of: side).encodingStage(on: loop) { stages.append(encoding) }
            } catch {
                // The worker has named codings that cannot be made: the body goes on without.
                isBare = true
            }
        }
        let content = { @Sendable [isBare] (flow: inout HTTPFlow, content: Content, trailers: Headers??) in
            flow.set(content, trailers: trailers, of: side)
            if isBare { flow.removeCodings(of: side) }
        }
        switch offer.source {
        case .flowing(let path):
            for stage in stages { path.pass(through: stage) }
            return [Self.content(side) { content(&$0, .omitted(nil), nil) }]
        case .held(let held, let trailers):
            let path = BodyPath(held, trailers: trailers, on: loop)
            for stage in stages { path.pass(through: stage) }
            defer { path.end() }
            let whole = try await path.hold(
                in: host.bodies, of: "of the \(side.rawValue)", waiter: event.waiter, on: loop)
            let ending = path.pipe.trailers
            return [Self.content(side) { content(&$0, whole, .some(ending)) }]
        }
    }

    /// What takes the content codings of a body off as it passes.
    private func decodingStage(for side: MessageSide, of flow: HTTPFlow) throws(CodingFailure) -> (any BodyStage)? {
        let isRequest = side == .request
        return try flow.codings(of: side).decodingStage(
            of: isRequest
                ? "client \(flow.client.value.peername)" : "server \(flow.request.host):\(flow.request.port)",
            fault: isRequest ? .client : .server, limits: .flowing(host.options.settings), on: loop)
    }

    /// Holds the rest of a body that was previewed, and asks the worker anew.
    private func showWhole<Payload: HookPayload>(
        _ offer: BodyOffer, _ changes: [Change<Payload>], _ event: Consultation<Payload>
    ) async throws(ProxyFailure) -> Reply<Payload> {
        let side = offer.side
        var held: [Change<Payload>] = []
        if case .flowing(let path) = offer.source {
            guard event.payload.flow?.isStreamed(side) != true else {
                return refused("more: the body is streamed and cannot be had whole", event.subscription)
            }
            let whole = try await path.hold(
                in: host.bodies, of: "of the \(side.rawValue)", waiter: event.waiter, on: loop)
            let trailers = path.pipe.trailers
            held = [Self.content(side) { $0.set(whole, trailers: .some(trailers), of: side) }]
        }
        var again = event
        again.payload = answered(event.payload, changes + held)
        again.mode = .whole
        switch try await consult(again) {
        case .changes(let more): return .changes(changes + held + more)
        case .failed(let failure, let more): return .failed(failure, held: held + more)
        case .killed: return .killed
        }
    }

    /// A change of one body.
    static func content<Payload: HookPayload>(
        _ side: MessageSide, _ apply: @escaping @Sendable (inout HTTPFlow) -> Void
    ) -> Change<Payload> {
        Change(path: "flow.\(side.rawValue).content") { payload in
            guard var flow = payload.flow else { return }
            apply(&flow)
            payload.flow = flow
        }
    }
}
