import AddonWire
import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// What workers' answers mean.
extension LoopPort {
    enum Reply<Payload: HookPayload> {
        case changes([Change<Payload>])
        case killed
        /// With what is to be kept in spite of it.
        case failed(LinkFailure, held: [Change<Payload>] = [])
    }

    /// What a worker's answer means, against what it was shown, with the bodies that it gave beside it.
    @specialized(where Payload == FlowEvent)
    func read<Payload: HookPayload>(
        _ answer: consuming LinkAnswer, beside contents: [Taken.Body], _ shown: Payload, _ subscription: Subscription
    ) -> Reply<Payload> {
        let result: JSON
        switch consume answer {
        case .success(let json): result = json
        case .failure(let failure):
            // The end of a connection has its own line in the log, once for all the events that it took with it.
            if failure.cause != .crash { host.trouble(subscription, failure) }
            return .failed(failure)
        }
        do throws(StateRefusal) {
            guard case .object(let object) = result else { throw .expected("an object", at: "result", found: result) }
            // Most answers say nothing.
            if object.count == 0, contents.isEmpty { return .changes([]) }
            let restored = try EventLine.restored(result, shown, subscription)
            var changes = try Payload.changes(from: shown, to: restored, at: "", access: .writable)
            for body in contents { changes.append(Self.content(body.side) { $0.set(body.content, of: body.side) }) }
            try subscription.worker.grants.check(changes, of: shown)
            try StreamedBodies.check(changes, of: shown.flow, in: subscription.hook)
            // What stands beside the flow, which is all that most answers have.
            if object.count > 1 || object.member("flow") == nil, try follow(object, subscription) { return .killed }
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

    /// Does what an answer asks for beside changes; true if the flow is to be killed.
    private func follow(_ answer: JSONObject, _ subscription: Subscription) throws(StateRefusal) -> Bool {
        let worker = subscription.worker
        if let entries = answer.member("log")?.array { entries.forEach { worker.logEntry($0) } }
        if let entries = answer.member("metrics")?.array { worker.loop.execute { worker.count(entries) } }
        guard let kill = answer.member("kill") else { return false }
        guard let kills = kill.bool else { throw .expected("a boolean", at: "kill", found: kill) }
        if kills { try worker.grants.checkKill() }
        return kills
    }

    /// An answer that cannot be followed.
    func refused<Payload: HookPayload>(_ why: String, _ subscription: Subscription) -> Reply<Payload> {
        let failure = LinkFailure(.badReply, why)
        host.trouble(subscription, failure)
        return .failed(failure)
    }
}
