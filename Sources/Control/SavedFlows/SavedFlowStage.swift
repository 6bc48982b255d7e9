import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel
import Schema

/// Shows flows that were read from a file to the addons: the events that fit each, in the order in which they were once.
///
/// What a flow lacks is skipped; no connections are invented. Runs on one event loop.
public actor SavedFlowStage {
    private let hooks: any HookPort
    public nonisolated let unownedExecutor: UnownedSerialExecutor
    public nonisolated let loop: any EventLoop
    /// Kept alive for `unownedExecutor`.
    private nonisolated let executor: LoopExecutor

    /// `hooks` is the loop's own port.
    public init(loop: any EventLoop, hooks: any HookPort) {
        self.hooks = hooks
        self.loop = loop
        executor = LoopExecutor(loop)
        unownedExecutor = executor.asUnownedSerialExecutor()
    }

    /// The flow as the addons left it. Several may be under way at a time.
    public func play(_ flow: AnyFlow) async -> AnyFlow {
        switch flow {
        case .http(let flow): await play(flow.value).any
        case .tcp(let flow): .tcp(await play(flow))
        case .udp(let flow): .udp(await play(flow))
        case .dns(let flow): .dns(await play(flow))
        }
    }

    private func play(_ flow: HTTPFlow) async -> HTTPFlow {
        var event = FlowEvent(flow)
        do throws(ProxyFailure) {
            try await fire(HTTPHooks.table.requestheaders, &event)
            try await fire(HTTPHooks.table.request, &event)
            if event.http.response != nil {
                try await fire(HTTPHooks.table.responseheaders, &event)
                try await fire(HTTPHooks.table.response, &event)
            }
            if let messages = event.http.websocket?.value.messages {
                try await play(messages, in: &event.http)
            } else if event.http.error != nil {
                try await fire(HTTPHooks.table.error, &event)
            }
        } catch {
            event.http.error = FlowError(FlowError.killedMessage, at: WallClock.now)
            try? await fire(HTTPHooks.table.error, &event)
        }
        event.http.intercepted = false
        return event.http
    }

    /// The events of a WebSocket, each message with those before it left out.
    private func play(_ messages: [WebSocketMessage], in flow: inout HTTPFlow) async throws(ProxyFailure) {
        flow.websocket?.value.messages = []
        try await fire(WebSocketHooks.table.start, in: &flow)
        for (number, message) in messages.enumerated() {
            var event = WebSocketEvent(flow, newest: message, before: number)
            // A message that ends the flow was there all the same.
            flow.websocket?.value.messages.append(message)
            try await fire(WebSocketHooks.table.message, &event)
            let kept = flow.websocket
            flow = event.http
            flow.websocket = kept
            flow.websocket?.value.messages[number] = event.decided(message)
        }
        if flow.error != nil { try await fire(WebSocketHooks.table.error, in: &flow) }
        try await fire(WebSocketHooks.table.end, in: &flow)
    }

    private func fire(_ hook: Hook<WebSocketEvent>, in flow: inout HTTPFlow) async throws(ProxyFailure) {
        var event = WebSocketEvent(flow)
        try await fire(hook, &event)
        let kept = flow.websocket
        flow = event.http
        flow.websocket = kept
    }

    private func play<Carrier: EventfulTransport>(_ flow: TransportFlow<Carrier>) async -> TransportFlow<Carrier> {
        let hooks = TransportHooks<Carrier>.table
        var messages: [StreamMessage] = []
        var event = TransportEvent(flow)
        event.carried.messages = []
        do throws(ProxyFailure) {
            try await fire(hooks.start, &event)
            for next in flow.messages {
                event = TransportEvent(event.carried, next, messagesBefore: messages.count)
                try await fire(hooks.message, &event)
                messages.append(next.answered(event.carried.messages))
            }
            event = TransportEvent(event.carried)
            event.carried.messages = messages
            try await fire(event.carried.error == nil ? hooks.end : hooks.error, &event)
        } catch {
            event = TransportEvent(event.carried)
            event.carried.messages = messages
            event.carried.error = FlowError(FlowError.killedMessage, at: WallClock.now)
            try? await fire(hooks.error, &event)
        }
        event.carried.intercepted = false
        return event.carried
    }

    private func play(_ flow: DNSFlow) async -> DNSFlow {
        var event = DNSFlowEvent(flow)
        do throws(ProxyFailure) {
            try await fire(DNSHooks.table.request, &event)
            if event.carried.response != nil { try await fire(DNSHooks.table.response, &event) }
            if event.carried.error != nil { try await fire(DNSHooks.table.error, &event) }
        } catch {
            event.carried.error = FlowError(FlowError.killedMessage, at: WallClock.now)
            try? await fire(DNSHooks.table.error, &event)
        }
        event.carried.intercepted = false
        return event.carried
    }

    private func fire<Event: HookPayload>(_ hook: Hook<Event>, _ event: inout Event) async throws(ProxyFailure) {
        guard hooks.hasListeners(hook) else { return }
        try await hooks.fire(hook, event, waiter: nil).apply(to: &event)
    }
}
