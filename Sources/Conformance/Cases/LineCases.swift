import AddonHost
import Schema

/// Lines: how they are cut, how long they are, who waits for whom.
enum LineCases {
    static let table: [Case] = [
        Case("one-by-one", 2, "An event alone is answered: nothing has to follow it.") { (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            for _ in 0..<3 { try checkup.askMany(1, in: session) }
            return nil
        },
        Case("single-bytes", 2, "A line is read that comes byte by byte.") { (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            session.largestWrite = 1
            defer { session.largestWrite = 1 << 18 }
            try checkup.askMany(1, in: session)
            return nil
        },
        Case("one-write", 2, "Many lines that come at once are told apart.") { (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            try checkup.askMany(
                min(12, try checkup.known.maximumInFlight), in: session,
                between: { _ in session.dialogue.notify(Message("x.unknown", ["lines": "many"])) })
            return nil
        },
        Case("pipelined", 2, "All events that it may have in flight, sent at once, are answered once each, in any order.") {
            (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            let count = try checkup.known.maximumInFlight
            try checkup.askMany(count, in: session)
            try checkup.fence(session)
            return .note("\(count) at once")
        },
        Case("large-ids", 2, "Ids up to 2^53 come back as they were.") { (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            for id in [(1 << 31) + 7, (1 << 32) + 9, (1 << 53) - 1] {
                if let subject = try checkup.known.main, let traits = subject.traits, let event = subject.event(traits) {
                    try checkup.settle([checkup.send(event, subject, in: session, id: id)], in: session)
                } else {
                    let ping = session.dialogue.request(
                        Message("ping"), id: id, owner: checkup.caseName, patience: checkup.setting.patience,
                        now: session.now)
                    try checkup.settle([ping], in: session)
                }
            }
            return nil
        },
        Case("default-line", 12, "A line of 60,000 bytes is read.") { (checkup) throws(CaseFailure) in
            let length = min(60_000, try checkup.known.longestLine)
            try longLine(length, checkup)
            return nil
        },
        Case("longest-line", 4, "A line as long as its `limits.max_line` is read.") { (checkup) throws(CaseFailure) in
            guard let length = try checkup.known.result.maximumLine else { return .unused("it states no max_line") }
            try longLine(min(length, checkup.limits.ownLine), checkup)
            return .note("\(length) bytes")
        },
        Case("slow-reading", 1, "It goes on reading and loses nothing while the core is slow to read.") {
            (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            let known = try checkup.known
            let size = max(16, min(16 << 10, known.longestLine / 8))
            let value = [UInt8](repeating: UInt8(ascii: "v"), count: size)
            session.reads = false
            try checkup.askMany(
                known.maximumInFlight, in: session,
                while: {
                    session.settle(quietFor: 150, until: session.now + 2000)
                    session.reads = true
                }, traits: { $0.value = .init(value) })
            return nil
        },
    ]

    private static func longLine(_ length: Int, _ checkup: Checkup) throws(CaseFailure) {
        let session = try checkup.live()
        let id = session.dialogue.claimID()
        let known = try checkup.known
        do throws(CaseFailure) {
            if let subject = known.main, let traits = subject.traits, let event = subject.event(traits) {
                let sent = checkup.send(event, subject, in: session, id: id) { $0.padded(id: id, to: length) }
                try checkup.settle([sent], in: session)
                _ = try checkup.verdict(sent, event, subject, in: session)
            } else {
                let sent = session.dialogue.request(
                    Message("ping").padded(id: id, to: length), id: id, owner: checkup.caseName,
                    patience: checkup.setting.patience, now: session.now)
                try checkup.settle([sent], in: session)
            }
            // Whoever has lost count in it shows that in the next one.
            try checkup.askMany(1, in: session)
        } catch {
            throw CaseFailure(
                expected: "\(error.expected), sent in a line of \(length) bytes", found: error.found, section: error.section)
        }
    }
}
