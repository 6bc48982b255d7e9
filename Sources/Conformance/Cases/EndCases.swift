import AddonHost
import AddonWire
import ProxyKernel
import Schema

/// The end of a worker's life.
enum EndCases {
    /// Milliseconds from the end of the connection until the core sends SIGTERM.
    private static let grace: Int64 = 2000

    static let table: [Case] = [
        Case("drain", 11, "Events that are open when `drain` comes are answered, and `done` behind them.") {
            (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            let count = min(4, try checkup.known.maximumInFlight)
            try checkup.askMany(
                count, in: session,
                between: { if $0 == count - 1 { session.dialogue.notify(Message("drain")) } })
            for subject in try checkup.known.subjects(of: LifecycleHooks.table.done) {
                guard let event = subject.event(SampleTraits()) else { continue }
                try checkup.tell(event, subject, in: session)
            }
            return nil
        },
        Case("shutdown", 11, "`shutdown` is answered, and the process ends within 2 s of its connection.") {
            (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            let id = session.dialogue.request(
                Message("shutdown"), owner: checkup.caseName, patience: max(grace, checkup.setting.patience), now: session.now)
            do throws(CaseFailure) {
                try checkup.settle([id], in: session)
            } catch {
                throw CaseFailure(expected: "\(error.expected), and no end before it", found: error.found, section: error.section)
            }
            return try end(session, "the connection's end behind `shutdown`")
        },
        Case(
            "end-of-connection", 11, "The end of the connection ends the process within 2 s, without a word before.",
            needsFresh: true
        ) { (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            try checkup.askMany(1, in: session)
            return try end(session, "the connection's end")
        },
        Case("end-in-line", 11, "The same where the last line is cut off.", needsFresh: true) { (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            try checkup.fence(session)
            session.dialogue.send(Array(#"{"jsonrpc":"2.0","id":77,"meth"#.utf8))
            session.settle(quietFor: 20, until: session.now + 1000)
            return try end(session, "the connection's end in the middle of a line")
        },
    ]

    private static func end(_ session: WorkerSession, _ what: String) throws(CaseFailure) -> Case.Remark? {
        guard session.close(within: grace) == nil else { return nil }
        throw CaseFailure(expected: "the process to end within \(grace) ms of \(what)", found: "it runs on")
    }
}
