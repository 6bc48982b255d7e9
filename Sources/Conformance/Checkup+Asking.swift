import AddonHost
import AddonWire
import FlowModel
import ProxyKernel
import Schema

/// What cases do with events and their answers.
extension Checkup {
    /// What an answer meant.
    enum Verdict {
        /// The whole state behind it.
        case state(JSON)
        case error(code: Int, message: String)
    }

    /// The profile; cases run behind a handshake.
    var known: Profile {
        get throws(CaseFailure) {
            guard let profile else { throw CaseFailure(expected: "a handshake", found: "none", section: 4) }
            return profile
        }
    }

    /// Puts an event on its way; the result is its id.
    func send(
        _ event: Profile.Subject.Event, _ subject: Profile.Subject, in session: WorkerSession, id: Int? = nil,
        changed: (Message) -> Message = { $0 }
    ) -> Int {
        if let flow = event.flow { session.dialogue.calls.flows[flow.id] = flow.record.wireJSON }
        return session.dialogue.request(
            changed(event.message), id: id, owner: caseName, patience: patience(subject.timeout), now: session.now)
    }

    func patience(_ timeout: Int64) -> Int64 { setting.isBound ? min(timeout, setting.patience) : timeout }

    /// Waits for the answers to these requests.
    func settle(_ ids: [Int], in session: WorkerSession) throws(CaseFailure) {
        while true {
            let open = ids.compactMap { id in session.dialogue.requests[id].flatMap { $0.answer == nil ? (id, $0) : nil } }
            guard let (id, request) = open.min(by: { $0.1.sentAt + $0.1.patience < $1.1.sentAt + $1.1.patience }) else { break }
            if session.wait(until: request.sentAt + request.patience, for: { $0.requests[id]?.answer != nil }) { continue }
            // It may have asked for more time.
            if !session.dialogue.isOver, let now = session.dialogue.requests[id], now.patience > request.patience { continue }
            try checkBreach()
            let others = open.count > 1 ? ", nor to \(open.count - 1) others" : ""
            guard !session.dialogue.isOver else {
                throw CaseFailure(expected: "an answer to '\(request.method)'\(others)", found: session.obituary, section: nil)
            }
            throw CaseFailure(
                expected: "an answer to '\(request.method)' within \(request.patience) ms",
                found: "none to id \(id)\(others)", section: nil)
        }
        try checkBreach()
    }

    /// Sends an event and waits for what comes of it; nil where nothing comes.
    @discardableResult
    func tell(
        _ event: Profile.Subject.Event, _ subject: Profile.Subject, in session: WorkerSession,
        changed: (Message) -> Message = { $0 }
    ) throws(CaseFailure) -> Verdict? {
        guard !subject.request.isNotification else {
            session.dialogue.notify(changed(event.message))
            try fence(session)
            return nil
        }
        let id = send(event, subject, in: session, changed: changed)
        try settle([id], in: session)
        return try verdict(id, event, subject, in: session)
    }

    /// Reads an answer as the core does.
    func verdict(
        _ id: Int, _ event: Profile.Subject.Event, _ subject: Profile.Subject, in session: WorkerSession
    ) throws(CaseFailure) -> Verdict {
        switch session.dialogue.requests[id]?.answer {
        case .result(_, let result)?:
            do {
                return .state(try event.shown.judge(try session.worker.taken(result, shown: event.references)))
            } catch {
                throw CaseFailure(
                    expected: "an answer to '\(subject.name)' that the core accepts",
                    found: "\(error) in \(String(decoding: result.encoded.prefix(200), as: UTF8.self))",
                    section: error is StateRefusal ? 7 : 17)
            }
        case .error(_, let code, let message)?: return .error(code: code, message: message)
        default:
            throw CaseFailure(expected: "an answer to '\(subject.name)' with a result or an error", found: "neither", section: 2)
        }
    }

    /// Has the worker deal with all that was sent before: whoever reads lines in order answers a `ping` behind them.
    func fence(_ session: WorkerSession) throws(CaseFailure) {
        try settle([ping(session)], in: session)
    }

    /// The id of a `ping` that is put on its way.
    func ping(_ session: WorkerSession) -> Int {
        session.dialogue.request(Message("ping"), owner: caseName, patience: setting.patience, now: session.now)
    }

    /// Sends so many events that stand for any at once, or pings where the worker answers no event, and checks every answer.
    func askMany(
        _ count: Int, in session: WorkerSession, between: (Int) -> Void = { _ in }, while waiting: () -> Void = {},
        traits change: (inout SampleTraits) -> Void = { _ in }
    ) throws(CaseFailure) {
        guard let subject = try known.main, let traits = subject.traits else {
            var ids: [Int] = []
            for index in 0..<count {
                ids.append(ping(session))
                between(index)
            }
            waiting()
            return try settle(ids, in: session)
        }
        var sent: [(id: Int, event: Profile.Subject.Event)] = []
        for index in 0..<count {
            guard let event = subject.event(traits.with(change)) else { continue }
            sent.append((send(event, subject, in: session), event))
            between(index)
        }
        waiting()
        try settle(sent.map(\.id), in: session)
        for (id, event) in sent { _ = try verdict(id, event, subject, in: session) }
    }

    /// Throws what the worker has done that nobody may.
    func checkBreach() throws(CaseFailure) {
        guard let breach = current?.breachOf(caseName) else { return }
        throw breach
    }
}

extension WorkerSession {
    /// What the worker did wrong; said of the case that sent the request, where it is another.
    fileprivate func breachOf(_ name: String) -> CaseFailure? {
        guard let breach = dialogue.takeBreach() else { return nil }
        guard let owner = breach.owner, owner != name else { return breach.failure }
        return CaseFailure(
            expected: breach.failure.expected, found: "\(breach.failure.found), of the case '\(owner)'",
            section: breach.failure.section)
    }
}
