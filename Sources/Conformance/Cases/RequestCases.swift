import AddonHost
import AddonWire
import ProxyKernel
import Schema

/// What the core sends besides events, and answers that nobody waits for.
enum RequestCases {
    static let table: [Case] = [
        Case("ping", 11, "`ping` is answered, also while events are open.") { (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            try checkup.fence(session)
            var pings: [Int] = []
            try checkup.askMany(
                min(8, try checkup.known.maximumInFlight), in: session,
                between: { index in
                    guard index % 4 == 1 else { return }
                    pings.append(
                        session.dialogue.request(
                            Message("ping"), owner: checkup.caseName, patience: checkup.setting.patience, now: session.now))
                })
            try checkup.settle(pings, in: session)
            return nil
        },
        Case("unknown-request", 11, "A request that it does not know is answered with `{}` or error -32601.") {
            (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            let id = session.dialogue.request(
                Message("x.unknown", ["a": ["b": 1]]), owner: checkup.caseName, patience: checkup.setting.patience,
                now: session.now)
            try checkup.settle([id], in: session)
            if case .error(_, let code, let message)? = session.dialogue.requests[id]?.answer, code != -32601 {
                throw CaseFailure(expected: "a result or error -32601", found: "error \(code): \(message)")
            }
            try checkup.askMany(1, in: session)
            return nil
        },
        Case("unknown-notification", 11, "A notification that it does not know is ignored.") { (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            session.dialogue.notify(Message("x.unknown", ["id": 1, "a": ["b"]]))
            try checkup.askMany(1, in: session)
            return nil
        },
        Case("stray-answers", 2, "Of one who makes calls: answers to none of them are ignored.") {
            (checkup) throws(CaseFailure) in
            guard try !checkup.known.result.permissions.isEmpty else { return .unused("it makes no calls") }
            let session = try checkup.live()
            for line in [
                #"{"jsonrpc":"2.0","id":999999,"result":{}}"#, #"{"jsonrpc":"2.0","id":"none","result":{"flows":[]}}"#,
                #"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"nobody asked","data":{"kind":"invalid_request"}}}"#,
            ] { session.dialogue.send(Array(line.utf8) + [0x0A]) }
            try checkup.askMany(1, in: session)
            return nil
        },
        Case("cancel", 10, "An event that is withdrawn is answered once or not at all, and those behind it are.") {
            (checkup) throws(CaseFailure) in
            guard let subject = try checkup.known.main, let traits = subject.traits else {
                return .unused("it answers no event")
            }
            let session = try checkup.live()
            for why in ["client_gone", "timeout"] {
                guard let event = subject.event(traits) else { continue }
                let id = checkup.send(event, subject, in: session)
                session.dialogue.cancel(id, why: why)
                try checkup.askMany(1, in: session)
            }
            // Of one that was never sent, and one that was answered.
            session.dialogue.cancel(999_999, why: "client_gone")
            guard let event = subject.event(traits) else { return nil }
            let id = checkup.send(event, subject, in: session)
            try checkup.settle([id], in: session)
            session.dialogue.cancel(id, why: "client_gone")
            try checkup.askMany(2, in: session)
            try checkup.fence(session)
            return nil
        },
        Case("options", 11, "`configure` with other values of its options is answered, with a result or a veto.") {
            (checkup) throws(CaseFailure) in
            let declared = try checkup.known.result.options
            let hooks = try checkup.known.subjects(of: LifecycleHooks.table.configure)
            guard !hooks.isEmpty else { return .unused("it does not hook configure") }
            let session = try checkup.live()
            var values = checkup.setting.options.json
            var vetoes: [String] = []
            for (name, value) in declared.flatMap({ option in Self.values(of: option.option).map { (option.option.name, $0) } }) {
                values[name] = value
                if let veto = try configure(values, hooks, session, checkup) { vetoes.append("\(name): \(veto)") }
                values[name] = checkup.setting.options.json[name]
            }
            if let veto = try configure(values, hooks, session, checkup) {
                throw CaseFailure(
                    expected: "an answer to 'configure' that takes the first values again", found: "the error \(veto)")
            }
            try checkup.askMany(1, in: session)
            return vetoes.isEmpty ? nil : .note("it refuses \(vetoes.joined(separator: "; "))")
        },
        Case("commands", 11, "Every command that it offers is answered, with a result or an error.") {
            (checkup) throws(CaseFailure) in
            let commands = try checkup.known.result.commands
            guard !commands.isEmpty else { return .unused("it offers none") }
            let session = try checkup.live()
            var errors: [String] = []
            for command in commands {
                for arguments in [[:], .null] as [JSON] {
                    let id = session.dialogue.request(
                        Message(
                            "command",
                            [
                                "name": .string(command.name), "args": arguments, "caller": "check",
                                "timeout_ms": .int(Int(checkup.setting.patience)),
                            ]), owner: checkup.caseName, patience: checkup.setting.patience, now: session.now)
                    try checkup.settle([id], in: session)
                    if case .error(_, _, let message)? = session.dialogue.requests[id]?.answer, arguments != .null {
                        errors.append("'\(command.name)': \(message)")
                    }
                }
            }
            return errors.isEmpty ? nil : .note("without arguments, error: \(errors.joined(separator: "; "))")
        },
    ]

    /// The veto's message, if there is one.
    private static func configure(
        _ values: JSONObject, _ hooks: [Profile.Subject], _ session: WorkerSession, _ checkup: Checkup
    ) throws(CaseFailure) -> String? {
        for subject in hooks {
            guard let event = subject.event(SampleTraits(), options: values) else { continue }
            if case .error(_, let message)? = try checkup.tell(event, subject, in: session) { return message }
        }
        return nil
    }

    /// Values of an option's type besides its default. No text of ours: it may be the name of a file that the worker would make.
    private static func values(of option: any AnyOption) -> [JSON] {
        let candidates: [JSON] =
            [true, false, 0, 1, 7, .double(0.5), "", .null, []] + option.choices.flatMap { [.string($0), [.string($0)]] }
        let fitting = candidates.filter { (try? option.read($0)) != nil && $0 != option.defaultJSON }
        return Array(fitting.prefix(6))
    }
}
