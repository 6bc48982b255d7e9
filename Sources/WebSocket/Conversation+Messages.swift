import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// What becomes of a message: in the flow, and with those who listen.
extension Conversation {
    /// Puts a message into the flow.
    func note(_ kind: WebSocketMessage.Kind, _ content: [UInt8], from sender: Sender, isInjected: Bool) -> NotedMessage {
        var message = WebSocketMessage(
            kind, isFromClient: sender == .client, content: ByteString(content), timestamp: WallClock.now)
        message.isInjected = isInjected
        // A worker may have taken it out of the flow.
        if exchange.flow.websocket == nil { exchange.flow.websocket = Boxed(blank) }
        return NotedMessage(number: exchange.flow.websocket?.value.kept.append(message) ?? 0, message: message)
    }

    /// Whether somebody may want to see messages.
    func hasListeners(on session: isolated Session) -> Bool {
        session.hooks.hasListeners(WebSocketHooks.table.message) || session.present.interception != nil
    }

    /// Shows the message to whoever wants to see it; the result is what they made of it.
    func decide(
        _ noted: NotedMessage, _ waiter: Waiter, on session: isolated Session
    ) async throws(ProxyFailure) -> WebSocketMessage {
        var noted = noted
        let hook = WebSocketHooks.table.message
        if session.hooks.hasListeners(hook) {
            let outcome = try await session.hooks.fire(hook, event(noted), waiter: waiter)
            // The flow may have changed meanwhile, this message too.
            var event = event(present(noted))
            let holds = apply(outcome, to: &event)
            noted.message = event.decided(noted.message)
            exchange.flow.websocket?.value.kept[noted.number] = noted.message
            if let failure = outcome.failure { throw failure }
            if holds {
                try await exchange.hold(as: waiter, on: session)
                noted = present(noted)
            }
        }
        if let interception = session.present.interception, interception.admits(event(noted).http.any) {
            exchange.flow.intercepted = true
            try await exchange.hold(as: waiter, on: session)
            noted = present(noted)
        }
        return noted.message
    }

    /// Shows the message, as it was decided, to what the operator sees.
    func record(_ noted: NotedMessage, on session: isolated Session) {
        guard session.services.recorder.wantsMessages else { return }
        session.services.recorder.recordMessage(of: event(noted).http.any)
    }

    /// The message as it is in the flow, if that keeps it still.
    private func present(_ noted: NotedMessage) -> NotedMessage {
        NotedMessage(
            number: noted.number, message: exchange.flow.websocket?.value.kept[noted.number] ?? noted.message)
    }

    func event(_ noted: NotedMessage) -> WebSocketEvent {
        WebSocketEvent(exchange.flow, newest: noted.message, before: noted.number)
    }

    /// Takes what listeners have changed over into the flow, but for its messages; true if one of them wants it to stand still.
    func apply(_ outcome: HookOutcome<WebSocketEvent>, to event: inout WebSocketEvent) -> Bool {
        for change in outcome.failure == nil ? outcome.changes : outcome.remains { change.apply(&event) }
        let socket = exchange.flow.websocket
        exchange.flow = event.http
        exchange.flow.websocket = socket
        return event.http.intercepted && outcome.changes.contains { $0.path == "flow.intercepted" }
    }
}

/// A message that was put into the flow, with its number there.
struct NotedMessage {
    var number: Int
    var message: WebSocketMessage
}
