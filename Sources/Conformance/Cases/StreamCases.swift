import AddonHost
import AddonWire
import FlowModel
import NIOCore
import Schema

/// Bodies in pieces, and beginnings of bodies.
enum StreamCases {
    private static let ends = "data within its credit, credit back, and its own `stream.end`"

    static let table: [Case] = [
        stream(
            "stream", "A body in pieces is answered with pieces and an end.", { [page($0, 300), page($0, 500), page($0, 40)] }),
        stream("stream-empty", "A body that turns out to be empty is ended.", { _ in [] }),
        stream(
            "stream-bytes", "Pieces that are no UTF-8 are taken.",
            { _ in [ByteBuffer(bytes: [UInt8](0...255)), ByteBuffer(bytes: [0xC3])] }),
        stream(
            "stream-trailers", "Trailers at the original's end are taken.", { [page($0, 100)] },
            ending: .trailers(Headers([("X-Check", "t")]))),
        stream("stream-credit", "Of 1 MiB credit is given back as it is dealt with.", { large($0) }),
        stream("stream-slow", "While nobody takes its body it sends no more than its credit.", { large($0) }, isTaken: false),
        stream(
            "streams-at-once", "Eight bodies at once do not disturb each other.", { [page($0, 100), page($0, 70_000)] }, count: 8),
        stream(
            "stream-reset", "A body that breaks off is forgotten, and the next one passes.", { [page($0, 100)] }, ending: .broken,
            thenPlain: true),
        preview("preview", "A body that the preview shows whole.", isComplete: true),
        preview("preview-part", "A body that is longer than its preview; what `more` asks for is taken.", isComplete: false),
    ]

    private static func stream(
        _ name: String, _ doc: String, _ pieces: @escaping @Sendable (SampleTraits) -> [ByteBuffer],
        ending: StreamedBody.Ending = .trailers(nil), isTaken: Bool = true, count: Int = 1, thenPlain: Bool = false
    ) -> Case {
        Case(name, 16, doc) { (checkup) throws(CaseFailure) in
            let subjects = try checkup.known.flowSubjects.filter {
                if case .stream = $0.request.content { true } else { false }
            }
            guard !subjects.isEmpty else { return .unused("it takes no body as a stream") }
            let session = try checkup.live()
            var notes: [String] = []
            for subject in subjects {
                let several = min(count, try checkup.known.maximumInFlight)
                let opened = try open(several, subject, pieces, ending, isTaken, session, checkup)
                notes += opened.notes
                try checkup.drive(opened.bodies, in: session, what: ends, while: isTaken ? nil : {})
                guard thenPlain else { continue }
                let next = try open(1, subject, pieces, .trailers(nil), true, session, checkup)
                try checkup.drive(next.bodies, in: session, what: ends)
            }
            try checkup.fence(session)
            return notes.first.map { .note($0) }
        }
    }

    /// Sends events with streams at once, and gives those that were opened.
    private static func open(
        _ count: Int, _ subject: Profile.Subject, _ pieces: (SampleTraits) -> [ByteBuffer], _ ending: StreamedBody.Ending,
        _ isTaken: Bool, _ session: WorkerSession, _ checkup: Checkup
    ) throws(CaseFailure) -> (bodies: [StreamedBody], notes: [String]) {
        guard let traits = subject.traits else { return ([], []) }
        var sent: [(id: Int, event: Profile.Subject.Event, body: StreamedBody)] = []
        for _ in 0..<count {
            let number = session.dialogue.claimStream()
            guard let event = subject.event(traits, content: .reference(.stream(number))) else { continue }
            let body = StreamedBody(
                number, pieces(traits), ending: ending, isTaken: isTaken, timeout: checkup.patience(subject.timeout),
                window: checkup.limits.streamCredit)
            sent.append((checkup.send(event, subject, in: session), event, body))
        }
        try checkup.settle(sent.map(\.id), in: session)
        var bodies: [StreamedBody] = []
        var notes: [String] = []
        for (id, event, body) in sent {
            switch try checkup.verdict(id, event, subject, in: session) {
            case .error(_, let message):
                body.drop(tells: true, &session.dialogue)
                notes.append("it answered with an error: \(message)")
            case .state(let state):
                if isReplaced(state, subject, shown: ["stream": .int(body.number)]) {
                    body.drop(tells: false, &session.dialogue)
                    notes.append("it puts a body of its own in the place of the stream")
                } else {
                    bodies.append(body)
                }
            }
        }
        return (bodies, notes)
    }

    static func isReplaced(_ state: JSON, _ subject: Profile.Subject, shown: JSON) -> Bool {
        guard let side = subject.request.side else { return true }
        let isAnswered = side == .request && (state["flow"]?["response"] ?? .null) != .null
        return isAnswered || state["flow"]?[side.rawValue]?["content"] != shown
    }

    private static func preview(_ name: String, _ doc: String, isComplete: Bool) -> Case {
        Case(name, 16, doc) { (checkup) throws(CaseFailure) in
            var found: [(Profile.Subject, Int)] = []
            for subject in try checkup.known.flowSubjects {
                if case .preview(let count) = subject.request.content { found.append((subject, count)) }
            }
            guard !found.isEmpty else { return .unused("it takes no previews") }
            let session = try checkup.live()
            var notes: [String] = []
            for (subject, count) in found {
                guard let traits = subject.traits, let side = subject.request.side else { continue }
                let body = page(traits, isComplete ? min(count, 200) : count + 100_000)
                let shown = body.getSlice(at: 0, length: min(count, body.readableBytes)) ?? body
                let number = session.dialogue.claimStream()
                let reference = ContentReference.preview(
                    shown, size: body.readableBytes, isComplete: isComplete, stream: number)
                guard let event = subject.event(traits, content: .reference(reference)) else { continue }
                let id = checkup.send(event, subject, in: session)
                try checkup.settle([id], in: session)
                _ = try checkup.verdict(id, event, subject, in: session)
                guard case .result(_, let result)? = session.dialogue.requests[id]?.answer, let more = result["more"]?.string
                else { continue }
                notes.append("'\(subject.name)' asks for \(more)")
                if more == BodyOffer.More.stream.rawValue {
                    let stream = StreamedBody(
                        number, slices(body), timeout: checkup.patience(subject.timeout), window: checkup.limits.streamCredit)
                    try checkup.drive([stream], in: session, what: ends)
                } else if let whole = subject.event(
                    traits.with { if side == .request { $0.requestBody = text(body) } else { $0.body = text(body) } },
                    content: .bytes(body))
                {
                    try checkup.tell(whole, subject, in: session)
                }
            }
            try checkup.fence(session)
            return notes.first.map { .note($0) }
        }
    }

    private static func text(_ body: ByteBuffer) -> ByteString { ByteString(body.readableBytesView) }

    /// So many bytes of the sample's own text, again and again.
    private static func page(_ traits: SampleTraits, _ length: Int) -> ByteBuffer {
        let text = traits.body.bytes.isEmpty ? Array("some text ".utf8) : traits.body.bytes
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length + text.count)
        while bytes.count < length { bytes += text }
        return ByteBuffer(bytes: bytes.prefix(length))
    }

    private static func large(_ traits: SampleTraits) -> [ByteBuffer] { slices(page(traits, 1 << 20)) }

    private static func slices(_ body: ByteBuffer) -> [ByteBuffer] {
        var rest = body
        var pieces: [ByteBuffer] = []
        while let piece = rest.readSlice(length: min(16 << 10, rest.readableBytes)), piece.readableBytes > 0 {
            pieces.append(piece)
        }
        return pieces
    }
}
