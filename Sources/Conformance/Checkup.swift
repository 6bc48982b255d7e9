import AddonHost
import AddonWire
import FlowModel
import ProxyKernel
import Schema

/// Drives one worker through the cases, each on a process that lives: one that died or hung is started anew. Blocks; one thread's.
public final class Checkup {
    /// What the worker is offered, as the core would.
    public struct Setting {
        let start: () throws(AddonFailure) -> LoneWorker
        let name: String
        let hooks: [any AnyHook]
        /// The calls that there are.
        let methods: [String]
        let options: OptionStore
        /// Milliseconds in which a request is answered whose hook does not say.
        let patience: Int64
        /// Whether that holds for the others as well.
        let isBound: Bool

        /// Without `patience` the protocol's own times hold.
        public init(
            name: String, hooks: [any AnyHook], methods: [String], options: OptionStore, patience: Int64?,
            start: @escaping () throws(AddonFailure) -> LoneWorker
        ) {
            (self.name, self.hooks, self.methods, self.options) = (name, hooks, methods, options)
            self.patience = patience ?? LinkLimits().pingTimeout
            isBound = patience != nil
            self.start = start
        }
    }

    let setting: Setting
    let limits = LinkLimits()
    private(set) var profile: Profile?
    private(set) var current: WorkerSession?
    private(set) var caseName = ""
    private var results: [CaseResult] = []
    private var started = 0
    private var answersPings = true
    /// What the last process that failed a case had printed.
    public private(set) var printed = ""

    public init(_ setting: Setting) { self.setting = setting }

    /// Runs the cases in order, telling of each result that has changed nothing since; the results with what became known later.
    public func run(_ cases: [Case]) throws(AddonFailure) -> [CaseResult] {
        // What cannot be started at all is no matter of the protocol.
        current = session(try setting.start())
        for entry in cases {
            let began = MonotonicClock.now
            caseName = entry.name
            let outcome = outcome(of: entry)
            results.append(
                CaseResult(
                    name: entry.name, section: section(entry, outcome), outcome: outcome,
                    milliseconds: MonotonicClock.now - began))
        }
        endSession()
        return results
    }

    private func section(_ entry: Case, _ outcome: CaseResult.Outcome) -> Int {
        if case .failed(let failure) = outcome { failure.section ?? entry.section } else { entry.section }
    }

    private func outcome(of entry: Case) -> CaseResult.Outcome {
        if profile == nil, !results.isEmpty { return .unused("there was no handshake") }
        if entry.needsFresh, profile != nil { endSession() }
        do throws(CaseFailure) {
            let remark = try entry.run(self)
            hearOut()
            try checkBreach()
            switch remark {
            case .unused(let why)?: return .unused(why)
            case .note(let note)?: return .passed(note: note)
            case nil: return .passed(note: nil)
            }
        } catch {
            if let current { printed = String(decoding: current.printed, as: UTF8.self) }
            endSession()
            return .failed(error)
        }
    }

    /// Reads what the worker has said in the case, which it has said before it answers a `ping`.
    private func hearOut() {
        guard answersPings, profile != nil, let current, !current.dialogue.isOver else { return }
        let id = ping(current)
        answersPings = current.wait(until: current.now + setting.patience) { $0.requests[id]?.answer != nil }
    }

    // MARK: Processes

    private func session(_ worker: LoneWorker) -> WorkerSession {
        WorkerSession(worker, limits: limits, calls: CallAnswers(methods: setting.methods, options: setting.options.json))
    }

    private func endSession() {
        current?.worker.kill()
        current = nil
    }

    /// A process behind its handshake and the first events, the one that there is if it lives.
    func live() throws(CaseFailure) -> WorkerSession {
        if let current, profile != nil, !current.dialogue.isOver { return current }
        let session = try connect()
        try greet(session)
        return session
    }

    /// A process behind its handshake.
    func connect(strange: Bool = false) throws(CaseFailure) -> WorkerSession {
        let session: WorkerSession
        if let first = current, profile == nil {
            session = first
        } else {
            endSession()
            do throws(AddonFailure) { session = self.session(try setting.start()) } catch {
                throw CaseFailure(expected: "a process", found: error.description)
            }
        }
        current = session
        started += 1
        var message = Message(
            "initialize",
            InitializeRequest(
                coreName: AddonHost.coreName, coreVersion: AddonHost.coreVersion, workerID: "\(setting.name).0.\(started)",
                workerName: setting.name, limits: limits, options: .object(setting.options.json),
                capabilities: Capability.allCases
            ).message)
        if strange { message = message.withUnknownMembers }
        let id = session.dialogue.request(
            message, owner: caseName, patience: limits.handshakeTimeout, now: session.now)
        try settle([id], in: session)
        let profile = try accept(session.dialogue.requests[id]?.answer)
        self.profile = profile
        if profile.result.capabilities.contains(.area) { session.worker.share() }
        session.dialogue.calls.longestLine = profile.longestLine
        session.dialogue.calls.options = setting.options.json
        let granted = profile.result.hooks.enumerated().map { index, hook in
            (hook: hook, content: hook.content, timeout: profile.subjects[index].timeout, policy: hook.policy ?? .continue)
        }
        session.dialogue.notify(
            Message(
                "initialized",
                InitializeResult.initialized(granted, refused: [], permissions: profile.result.permissions, redacted: [])))
        return session
    }

    private func accept(_ answer: Incoming?) throws(CaseFailure) -> Profile {
        let wanted = "an answer to 'initialize' that the core accepts"
        switch answer {
        case .result(_, let json)?:
            do throws(StateRefusal) {
                let result = try InitializeResult(json, hooks: setting.hooks)
                try setting.options.declare(result.options.map(\.option), by: setting.name)
                return try Profile(
                    result, limits: limits, methods: Set(setting.methods), timeout: setting.patience)
            } catch {
                throw CaseFailure(expected: wanted, found: "\(error)", section: 4)
            }
        case .error(_, let code, let message)?:
            throw CaseFailure(expected: wanted, found: "error \(code): \(message)", section: 4)
        default: throw CaseFailure(expected: wanted, found: "none", section: 4)
        }
    }

    /// Sends the first events of a worker's life, as far as it hooks them.
    func greet(_ session: WorkerSession) throws(CaseFailure) {
        let life = LifecycleHooks.table
        for hook in [life.start, life.configure, life.running] as [any AnyHook] {
            for subject in profile?.subjects(of: hook) ?? [] {
                guard let event = subject.event(SampleTraits(), options: setting.options.json) else { continue }
                let state = try tell(event, subject, in: session)
                if case .error(let code, let message)? = state,
                    hook.index == life.configure.index || hook.index == life.start.index
                {
                    throw CaseFailure(
                        expected: "an answer to '\(subject.name)' that lets the worker start", found: "error \(code): \(message)",
                        section: 11)
                }
            }
        }
    }
}
