import AddonHost
import AddonWire
import FlowModel
import NIOCore
import Schema

/// Long bodies, as far as the worker takes bodies whole.
enum BodyCases {
    static let table: [Case] = [
        Case("large-body", 17, "A body that just fits its line is taken.") { (checkup) throws(CaseFailure) in
            // What does not fit is the next cases' matter; of what the line holds base64 takes a third.
            let room = min((try checkup.known.longestLine - (8 << 10)) / 4 * 3, 4 << 20)
            guard room > 0 else { return .unused("its line has no room for bodies") }
            return try with(checkup) { (subject, traits, session) throws(CaseFailure) in
                let body = noise(room)
                guard let event = subject.event(traits, content: .bytes(body)) else { return nil }
                try checkup.tell(event, subject, in: session)
                return "\(room) bytes"
            }
        },
        Case("body-by-reference", 17, "A body that does not fit its line is read with `body.read`, or left alone.") {
            (checkup) throws(CaseFailure) in
            guard try checkup.known.result.permissions.contains("body.read") else {
                return .unused("it does not ask for body.read")
            }
            return try with(checkup) { (subject, traits, session) throws(CaseFailure) in
                let body = noise(min(try checkup.known.longestLine, 1 << 20) + (64 << 10))
                let number = session.dialogue.claimStream()
                session.dialogue.calls.bodies[number] = Array(body.readableBytesView)
                guard let event = subject.event(traits, content: .reference(.held(number, size: body.readableBytes))) else {
                    return nil
                }
                try checkup.tell(event, subject, in: session)
                session.dialogue.calls.bodies[number] = nil
                return "\(session.dialogue.calls.made.count { $0 == "body.read" }) calls of body.read"
            }
        },
        Case("body-by-descriptor", 17, "A body that comes as a descriptor is taken, and one that is given back is sealed.") {
            (checkup) throws(CaseFailure) in
            guard try checkup.known.result.capabilities.contains(.fd) else { return .unused("it does not use fd") }
            return try with(checkup) { (subject, traits, session) throws(CaseFailure) in
                let body = noise(1 << 20)
                let number: Int
                do throws(AddonFailure) { number = try session.worker.carry(body) } catch {
                    throw CaseFailure(expected: "a descriptor to be taken", found: error.description)
                }
                let content = Content.reference(.descriptor(number, size: body.readableBytes))
                guard let event = subject.event(traits, content: content) else { return nil }
                try checkup.tell(event, subject, in: session)
                return nil
            }
        },
        Case("body-in-area", 17, "A body in the shared file is taken, and one that is given back stands in the event's room.") {
            (checkup) throws(CaseFailure) in
            guard try checkup.known.result.capabilities.contains(.area) else { return .unused("it does not use area") }
            guard try checkup.live().worker.shares else { return .unused("the system gives no file for it (Linux 6.3)") }
            return try with(checkup) { (subject, traits, session) throws(CaseFailure) in
                // Twice, since the file comes but once.
                for _ in 1...2 {
                    let reference: ContentReference
                    do throws(AddonFailure) { reference = try session.worker.lend(noise(200 << 10)) } catch {
                        throw CaseFailure(expected: "the shared file to be taken", found: error.description)
                    }
                    guard let event = subject.event(traits, content: .reference(reference)) else { return nil }
                    try checkup.tell(event, subject, in: session)
                }
                return nil
            }
        },
    ]

    private static func with(
        _ checkup: Checkup, _ body: (Profile.Subject, SampleTraits, WorkerSession) throws(CaseFailure) -> String?
    ) throws(CaseFailure) -> Case.Remark? {
        let subjects = try checkup.known.flowSubjects.filter { $0.request.content.isWhole && $0.request.side != nil }
        guard !subjects.isEmpty else { return .unused("it takes no bodies whole") }
        let session = try checkup.live()
        var notes: [String] = []
        for subject in subjects {
            guard let traits = subject.traits, let note = try body(subject, traits, session) else { continue }
            notes.append(note)
        }
        try checkup.askMany(1, in: session)
        return notes.first.map { .note($0) }
    }

    /// Bytes that are no text.
    private static func noise(_ length: Int) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: length)
        buffer.writeRepeatingByte(0xFF, count: min(1, length))
        var state: UInt32 = 1
        buffer.writeBytes(
            (1..<max(1, length)).lazy.map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return UInt8(truncatingIfNeeded: state >> 24)
            })
        return buffer
    }
}
