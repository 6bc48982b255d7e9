import ProxyKernel
import Schema

/// The beginning of a worker's life, and the events that it asked for.
enum LifeCases {
    static let table: [Case] = [
        Case("handshake", 4, "`initialize` is answered in time, with members that the core accepts.") {
            (checkup) throws(CaseFailure) in
            try checkup.fence(try checkup.connect())
            return try checkup.known.subjects.first { $0.traits == nil }.map {
                .note("no sample fits the filter of '\($0.name)': \($0.request.filter ?? "")")
            }
        },
        Case("first-events", 11, "`start`, `configure` and `running` are answered, as far as they are hooked.") {
            (checkup) throws(CaseFailure) in
            guard let session = checkup.current else { return nil }
            try checkup.greet(session)
            let life = LifecycleHooks.table
            let hooked = try checkup.known.subjects.contains { subject in
                ([life.start, life.configure, life.running] as [any AnyHook]).contains { $0.index == subject.request.hook.index }
            }
            return hooked ? nil : .unused("it hooks none of them")
        },
        Case("unknown-in-handshake", 4, "Members of `initialize` that nobody knows are ignored.", needsFresh: true) {
            (checkup) throws(CaseFailure) in
            try checkup.greet(try checkup.connect(strange: true))
            return nil
        },
        Case("events", 6, "Every event that it hooks is answered with something that the core accepts, or is only heard.") {
            (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            var errors: [String] = []
            for subject in try checkup.known.subjects where !subject.isOfLife {
                guard let traits = subject.traits, let event = subject.event(traits) else { continue }
                if case .error(_, let message)? = try checkup.tell(event, subject, in: session) {
                    errors.append("'\(subject.name)': \(message)")
                }
            }
            let heard = [LifecycleHooks.table.log.index, LifecycleHooks.table.tick.index]
            for subject in try checkup.known.subjects where heard.contains(subject.request.hook.index) {
                guard let event = subject.event(SampleTraits()) else { continue }
                try checkup.tell(event, subject, in: session)
            }
            if !errors.isEmpty { return .note("it answered with an error: \(errors.joined(separator: "; "))") }
            return try checkup.known.subjects.isEmpty ? .unused("it hooks nothing") : nil
        },
        Case("unknown-members", 6, "Members of events that nobody knows are ignored, at any depth.") {
            (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            var isUsed = false
            for subject in try checkup.known.subjects where !subject.isOfLife {
                guard let traits = subject.traits, let event = subject.event(traits) else { continue }
                isUsed = true
                let plain = try checkup.tell(event, subject, in: session)
                guard let again = subject.event(traits) else { continue }
                let strange = try checkup.tell(again, subject, in: session) { $0.withUnknownMembers }
                if case .state? = plain, case .error(_, let message)? = strange {
                    throw CaseFailure(
                        expected: "the answer to '\(subject.name)' that it gives without unknown members",
                        found: "the error \(message)")
                }
            }
            return isUsed ? nil : .unused("it hooks no event of a flow or a connection")
        },
        Case("odd-flow", 8, "An event that its handler may fail over gets an answer or an error, and the next is answered.") {
            (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            var note: Case.Remark?
            for subject in try checkup.known.subjects where !subject.isOfLife && subject.request.filter == nil {
                guard let traits = subject.traits, let odd = subject.event(.odd), let plain = subject.event(traits) else {
                    continue
                }
                if case .error(_, let message)? = try checkup.tell(odd, subject, in: session) {
                    note = .note("over a flow without headers and body '\(subject.name)' fails: \(message)")
                }
                try checkup.tell(plain, subject, in: session)
            }
            return note
        },
    ]
}
