import FlowModel
import HTTPExchange
import NIOCore
import NIOPosix
import ProxyKernel
import SOCKS
import Schema

/// Runs the operator's rules around the addons, so that to an exchange both are one listener. Confined to its loop.
final class RulePort: HookPort {
    private let loop: any EventLoop
    private let chain: RuleChain
    private let inner: any HookPort

    init(_ chain: RuleChain, around inner: any HookPort, on loop: any EventLoop) {
        self.loop = loop
        self.chain = chain
        self.inner = inner
    }

    func hasListeners(_ hook: any AnyHook) -> Bool { chain.hears(hook) || inner.hasListeners(hook) }

    func contentNeed(_ hook: any AnyHook, of flow: HTTPFlow) -> ContentNeed {
        chain.needsContent(hook, of: flow) ? .bytes : inner.contentNeed(hook, of: flow)
    }

    func fire<Payload: HookPayload>(
        _ hook: Hook<Payload>, _ payload: Payload, waiter: Waiter?
    ) async throws(ProxyFailure) -> HookOutcome<Payload> {
        guard let steps = chain.steps(at: hook) else {
            if let event = payload as? SOCKSAuthEvent, let auth = chain.proxyAuth {
                return try await check(event, auth, hook, waiter: waiter)
            }
            return try await inner.fire(hook, payload, waiter: waiter)
        }
        var outcome = HookOutcome<Payload>()
        var working = payload
        working = try await apply(
            steps.before, at: steps.moment, to: working, &outcome, waiter: waiter)
        if outcome.failure == nil, inner.hasListeners(hook) {
            let heard = try await inner.fire(hook, working, waiter: waiter)
            for change in heard.changes { change.apply(&working) }
            outcome.changes += heard.changes
            outcome.failure = heard.failure
        }
        guard outcome.failure == nil else { return outcome }
        _ = try await apply(steps.after, at: steps.moment, to: working, &outcome, waiter: waiter)
        return outcome
    }

    func notify<Payload: HookPayload>(_ hook: Hook<Payload>, _ payload: Payload) {
        if hook === ConnectionHooks.table.clientDisconnected, let event = payload as? ClientEvent {
            chain.clientLeft(event.client.id)
        }
        inner.notify(hook, payload)
    }

    /// The payload with the rules' changes, which go into the outcome as well; the same if there are none or the flow has failed.
    private func apply<Payload: HookPayload>(
        _ rules: [any Rule], at moment: Moment, to payload: Payload, _ outcome: inout HookOutcome<Payload>, waiter: Waiter?
    ) async throws(ProxyFailure) -> Payload {
        guard !rules.isEmpty, let old = payload.flow, old.error == nil else { return payload }
        var new = old
        var failure: ProxyFailure?
        for rule in rules {
            if let work = rule.preparation(for: new, at: moment) { try await prepare(work, waiter) }
            do throws(ProxyFailure) {
                try rule.apply(to: &new, at: moment)
            } catch {
                failure = error
                break
            }
        }
        let changes = Self.changes(from: old, to: new, Payload.self)
        if let failure {
            outcome.failure = failure
            outcome.remains = changes
        } else {
            outcome.changes += changes
        }
        var result = payload
        result.flow = new
        return result
    }

    /// The rule's verdict about a SOCKS client, which the addons may change.
    private func check<Payload: HookPayload>(
        _ event: SOCKSAuthEvent, _ auth: ProxyAuth, _ hook: Hook<Payload>, waiter: Waiter?
    ) async throws(ProxyFailure) -> HookOutcome<Payload> {
        let given = ProxyAuth.Credentials(name: event.username, password: event.password)
        if let work = auth.preparation(for: given) { try await prepare(work, waiter) }
        var event = event
        event.isValid = auth.admits(given)
        var outcome = HookOutcome<Payload>()
        if let changed = event as? Payload {
            outcome.changes = [Change(path: "valid") { $0 = changed }]
            if inner.hasListeners(hook) {
                let heard = try await inner.fire(hook, changed, waiter: waiter)
                outcome.changes += heard.changes
                outcome.failure = heard.failure
                var answered = changed
                for change in heard.changes { change.apply(&answered) }
                event = answered as? SOCKSAuthEvent ?? event
            }
        }
        if outcome.failure == nil, event.isValid { auth.admit(given, client: event.client.value.id) }
        return outcome
    }

    private func prepare(
        _ work: @escaping @Sendable () -> Void, _ waiter: Waiter?
    ) async throws(ProxyFailure) {
        let done = Pending<Void>(on: loop)
        NIOThreadPool.singleton.submit { _ in
            work()
            done.resume(())
        }
        try await done.wait(as: waiter)
    }

    /// The parts that rules change, each only if it did: the live flow may have been edited meanwhile.
    private static func changes<Payload: HookPayload>(
        from old: HTTPFlow, to new: HTTPFlow, _: Payload.Type
    ) -> [Change<Payload>] {
        func part<Value: Equatable & Sendable>(
            _ path: String, _ key: any WritableKeyPath<HTTPFlow, Value> & Sendable
        ) -> Change<Payload>? {
            let value = new[keyPath: key]
            guard value != old[keyPath: key] else { return nil }
            return Change(path: path) { $0.flow?[keyPath: key] = value }
        }
        return [
            part("flow.request", \.request), part("flow.response", \.response), part("flow.metadata", \.metadata),
            part("flow.is_replay", \.isReplay),
        ].compactMap { $0 }
    }
}
