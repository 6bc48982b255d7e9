import FlowModel
import NIOCore
import Schema

/// The life of a flow that is made of messages, whatever carries them: its events, what is kept of it, and what others do to it.
/// Confined to its loop.
///
/// Whoever carries the messages calls `begin`, then `pass` with each message, then exactly one of `end` and `fail`.
public final class TransportExchange<Carrier: EventfulTransport>: @unchecked Sendable {
    /// Without its messages.
    public private(set) var flow: TransportFlow<Carrier>
    private var kept: KeptMessages<StreamMessage>
    public let loop: any EventLoop
    private let services: Services
    private let hooks: any HookPort
    private let standstill: Standstill
    /// Waits of the story from its beginning to its end. Ended by kills; whoever carries messages waits in others besides.
    public let waiter = Waiter()
    private var isOver = false
    /// Takes what is injected; nil if nothing can be.
    public var inject: ((Injection) throws(InjectionRefusal) -> Void)?

    private typealias Hooks = TransportHooks<Carrier>

    public init(_ flow: TransportFlow<Carrier>, loop: any EventLoop, services: Services, hooks: any HookPort) {
        self.flow = flow
        self.loop = loop
        self.services = services
        self.hooks = hooks
        standstill = Standstill(on: loop)
        let (settings, options) = (services.settings, ProxyOptions.table)
        kept = KeptMessages(maximumCount: settings[options.storeMessages], maximumBytes: settings[options.storeMessageBytes])
    }

    /// Makes the flow known, and fires its first event.
    public func begin() async throws(ProxyFailure) {
        services.flows.add(self, id: flow.id)
        try await fire(Hooks.table.start, TransportEvent(flow), as: waiter)
    }

    /// The connection to the server was made.
    public func connected(_ server: Frozen<Server>) { flow.server = server }

    /// Whether somebody wants to see messages. If not, they may pass without `pass`, each being counted.
    public var isObserved: Bool {
        hooks.hasListeners(Hooks.table.message) || services.recorder.wantsMessages || services.present.keepsContent
            || services.present.interception != nil
    }

    /// A message has passed that nobody wanted to see.
    public func count() { kept.append(nil) }

    /// Shows a message to everybody; the result is what is to be passed on of it, perhaps nothing.
    public func pass(
        _ bytes: ByteBuffer, isFromClient: Bool, as waiter: Waiter
    ) async throws(ProxyFailure) -> ByteBuffer {
        let original = StreamMessage(
            isFromClient: isFromClient, content: ByteString(bytes.readableBytesView), timestamp: WallClock.now)
        var message = original
        let isKept =
            hooks.hasListeners(Hooks.table.message) || services.present.keepsContent || services.present.interception != nil
        let number = kept.append(isKept ? message : nil)
        let event = TransportEvent(flow, message, messagesBefore: number)
        if hooks.hasListeners(Hooks.table.message) {
            let outcome = try await hooks.fire(Hooks.table.message, event, waiter: waiter)
            // The flow may have changed meanwhile, this message too.
            var present = TransportEvent(flow, kept[number] ?? message, messagesBefore: number)
            let holds = try apply(outcome, to: &present)
            message = message.answered(present.carried.messages)
            kept[number] = message
            if holds { message = try await hold(message, number, as: waiter) }
        }
        if let interception = services.present.interception, interception.admits(carrying(message)) {
            flow.intercepted = true
            message = try await hold(message, number, as: waiter)
        }
        if services.recorder.wantsMessages {
            services.recorder.recordMessage(of: carrying(message))
        }
        return message.content == original.content ? bytes : ByteBuffer(bytes: message.content.bytes)
    }

    private func carrying(_ message: StreamMessage) -> AnyFlow {
        var flow = flow
        flow.messages = [message]
        return flow.any
    }

    /// All has gone its way.
    public func end() async {
        guard !isOver else { return }
        isOver = true
        do throws(ProxyFailure) {
            try await fire(Hooks.table.end, last, as: waiter)
        } catch {
            flow.error = error.flowError
        }
        finish()
    }

    /// It ended before its time.
    public func fail(_ failure: ProxyFailure) async {
        guard !isOver else { return }
        isOver = true
        flow.error = failure.flowError
        let server = flow.server.value.address?.description ?? "no server"
        services.logger.log(
            level: failure.what == .cancelled ? .debug : .info,
            "\(flow.client.value.peername): \(Carrier.kind.rawValue) \(server): \(failure.note)")
        waiter.reopen()
        try? await fire(Hooks.table.error, last, as: waiter)
        finish()
    }

    private var last: TransportEvent<Carrier> {
        var event = TransportEvent(flow, messagesBefore: kept.first)
        event.carried.messages = kept.all
        return event
    }

    private func finish() {
        let ended = anyFlow
        services.flows.finish(ended, on: loop)
        services.recorder.record(ended, sizes: BodySizes())
    }

    /// An event about the whole flow.
    private func fire(
        _ hook: Hook<TransportEvent<Carrier>>, _ event: TransportEvent<Carrier>, as waiter: Waiter
    ) async throws(ProxyFailure) {
        guard hooks.hasListeners(hook) else { return }
        let outcome = try await hooks.fire(hook, event, waiter: waiter)
        var present = last
        let holds = try apply(outcome, to: &present)
        if outcome.changes.contains(where: { $0.path.hasPrefix("flow.messages") }) {
            kept.replace(with: present.carried.messages)
        }
        if holds, !isOver { try await hold(as: waiter) }
    }

    /// Takes an outcome's changes over into the flow, but for its messages; true if a worker wants it to stand still.
    private func apply(
        _ outcome: HookOutcome<TransportEvent<Carrier>>, to event: inout TransportEvent<Carrier>
    ) throws(ProxyFailure) -> Bool {
        try outcome.apply(to: &event)
        flow = event.carried
        flow.messages = []
        return flow.intercepted && outcome.changes.contains { $0.path == "flow.intercepted" }
    }

    /// Stands still; the result is the message as it is then, for others may have changed it.
    private func hold(
        _ message: StreamMessage, _ number: Int, as waiter: Waiter
    ) async throws(ProxyFailure) -> StreamMessage {
        try await hold(as: waiter)
        return kept[number] ?? message
    }

    private func hold(as waiter: Waiter) async throws(ProxyFailure) {
        services.logger.info(
            "\(flow.client.value.peername): \(Carrier.kind.rawValue) \(flow.server.value.address?.description ?? "") is intercepted"
        )
        let seconds = services.settings[ProxyOptions.table.interceptTimeout]
        try await standstill.stand(seconds: seconds, as: waiter)
        flow.intercepted = false
    }
}

/// What others do to the flow while it lives.
extension TransportExchange: TrackedFlow {
    public var isLive: Bool { true }
    public var isKillable: Bool { waiter.ended == nil && !isOver }

    public var anyFlow: AnyFlow {
        var flow = flow
        flow.messages = kept.all
        return flow.any
    }

    public func edit(_ change: (inout AnyFlow) -> Void) {
        var any = anyFlow
        change(&any)
        guard let edited = any.record as? TransportFlow<Carrier> else { return }
        if edited.messages != kept.all { kept.replace(with: edited.messages) }
        flow = edited
        flow.messages = []
        if flow.error?.message == FlowError.killedMessage {
            flow.error = nil
            _ = kill()
        } else if !flow.intercepted {
            _ = resume()
        }
    }

    public func resume() -> Bool { standstill.resume() }
    public func whenResumed() -> EventLoopFuture<Void> { standstill.whenResumed() }

    public func kill() -> Bool {
        guard isKillable else { return false }
        waiter.end(.killed("the flow was killed"))
        return true
    }

    public func inject(_ message: Injection) throws(InjectionRefusal) {
        guard let inject, isKillable else { throw InjectionRefusal("nothing can be injected into the flow any more") }
        try inject(message)
    }
}

extension ProxyFailure {
    /// What a flow says of it.
    public var flowError: FlowError { FlowError(what == .killed ? FlowError.killedMessage : note, at: WallClock.now) }
}
