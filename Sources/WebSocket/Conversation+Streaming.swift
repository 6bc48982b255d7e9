import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// Messages that have gone on before anybody could decide about them.
extension Conversation {
    /// What is said once of a WebSocket.
    enum Remark {
        case unrecorded, unheeded, untold
    }

    /// Bytes of a message that are put together for the flow, at most.
    static func recordLimit(_ settings: Settings) -> Int {
        min(settings[WebSocketOptions.table.messageLimit].bytes, settings[ProxyOptions.table.storeMessageBytes])
    }

    /// Puts a message into the flow; nil if it is too large for that, so that it only counts.
    func note(
        _ message: PassedMessage, from source: Party, isInjected: Bool, on session: isolated Session
    ) -> NotedMessage? {
        if let content = message.content {
            let noted = note(message.kind, content, from: source.sender, isInjected: isInjected)
            record(noted, on: session)
            return noted
        }
        exchange.flow.websocket?.value.kept.append(nil)
        remark(
            .unrecorded, on: session,
            "a message of \(source.name) has more than \(Self.recordLimit(session.services.settings)) bytes: it passes without being recorded, and without its event"
        )
        return nil
    }

    /// Shows a message to whoever wants to see it. What they make of the flow holds, what they make of the message does not.
    func show(_ noted: NotedMessage, _ waiter: Waiter, on session: isolated Session) async throws(ProxyFailure) {
        let hook = WebSocketHooks.table.message
        if session.hooks.hasListeners(hook) {
            let outcome = try await session.hooks.fire(hook, event(noted), waiter: waiter)
            var answered = event(noted)
            let holds = apply(outcome, to: &answered)
            if holds { exchange.flow.intercepted = false }
            if let failure = outcome.failure { throw failure }
            let decided = answered.decided(noted.message)
            if holds || decided.isDropped != noted.message.isDropped || decided.content != noted.message.content {
                remark(
                    .unheeded, on: session,
                    "what the answer to '\(hook.name)' changes, drops or holds has no effect: with stream_websockets the message had gone on before"
                )
            }
        }
        if let interception = session.present.interception, interception.admits(event(noted).http.any) {
            remark(
                .unheeded, on: session, "intercept has no effect on its messages: with stream_websockets they go on as they come")
        }
    }

    /// A message has no event.
    func missed(on session: isolated Session) {
        remark(
            .untold, on: session,
            "messages come faster than '\(WebSocketHooks.table.message.name)' is answered: some have no event")
    }

    private func remark(_ remark: Remark, on session: isolated Session, _ text: @autoclosure () -> String) {
        guard remarks.insert(remark).inserted else { return }
        session.log(.warning, "WebSocket \(exchange.flow.request.url) (flow \(exchange.flow.id)): \(text())")
    }
}
