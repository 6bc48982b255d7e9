import AddonWire
import FlowModel
import HTTPExchange
import Schema

/// Values that are no plain text. A worker may change what it likes: what it leaves alone in a plain flow it leaves alone in another.
enum ValueCases {
    static let table: [Case] = [
        pair("bytes-headers", 3, "Headers whose values are no UTF-8 keep them.") {
            $0.value = ByteString([0x63, 0xFF, 0x80, 0x64])
        },
        pair("bytes-path", 3, "A path that is no UTF-8 stays as it is.") { $0.path = ByteString(Array("/caf".utf8) + [0xE9]) },
        pair("bytes-body", 3, "A body that is no UTF-8 stays as it is.", needsContent: true) {
            let bytes = [UInt8](0...255)
            ($0.body, $0.requestBody, $0.type) = (ByteString(bytes), ByteString(bytes), "application/octet-stream")
        },
        pair("separators", 2, "U+0085, U+2028 and U+2029 are characters like others.") { separators(&$0) },
        pair(
            "separators-raw", 2, "Only LF ends a line: U+0085, U+2028 and U+2029, not escaped, do not.",
            changed: { $0.withRawSeparators }
        ) { separators(&$0) },
    ]

    private static func separators(_ traits: inout SampleTraits) {
        traits.value = "a\u{2028}b\u{2029}c\u{85}d"
        if !traits.body.bytes.isEmpty { traits.body = "a\u{2028}b\u{2029}c\u{85}d" }
    }

    private static func pair(
        _ name: String, _ section: Int, _ doc: String, needsContent: Bool = false,
        changed: @escaping @Sendable (Message) -> Message = { $0 }, _ change: @escaping @Sendable (inout SampleTraits) -> Void
    ) -> Case {
        Case(name, section, doc) { (checkup) throws(CaseFailure) in
            let session = try checkup.live()
            let subjects = try checkup.known.flowSubjects.filter { !needsContent || $0.request.content.isWhole }
            for subject in subjects {
                // What a worker does by chance, or once, it does not do three times.
                for attempt in 1...3 {
                    do throws(CaseFailure) {
                        try compare(subject, change, changed, session, checkup)
                        break
                    } catch {
                        guard !session.dialogue.isOver, attempt < 3, error.section == nil else { throw error }
                    }
                }
            }
            if subjects.isEmpty {
                return .unused(needsContent ? "it takes no bodies whole" : "it answers no event of an HTTP flow")
            }
            return nil
        }
    }

    private static func compare(
        _ subject: Profile.Subject, _ change: (inout SampleTraits) -> Void, _ changed: (Message) -> Message,
        _ session: WorkerSession, _ checkup: Checkup
    ) throws(CaseFailure) {
        guard let plain = subject.traits else { return }
        let special = plain.with(change)
        guard admits(subject, special), let usual = subject.event(plain), let odd = subject.event(special) else { return }
        let before = try checkup.tell(usual, subject, in: session)
        let after = try checkup.tell(odd, subject, in: session, changed: changed)
        guard case .state(let before)? = before else { return }
        switch after {
        case .state(let after)?:
            for mark in Mark.all {
                let (kept, lost) = (mark.isKept(in: before, plain), mark.isKept(in: after, special) == false)
                guard kept == true, lost else { continue }
                let value = String(decoding: mark.value(special).wireJSON.encoded, as: UTF8.self)
                throw CaseFailure(
                    expected: "\(mark.place) in the answer to '\(subject.name)' as it was sent, \(CaseFailure.shortened(value))",
                    found: "\(mark.found(after)); a plain text is left alone")
            }
        case .error(_, let message)?:
            throw CaseFailure(
                expected: "an answer to '\(subject.name)' as to a flow of plain text", found: "the error \(message)")
        case nil: break
        }
    }

    private static func admits(_ subject: Profile.Subject, _ traits: SampleTraits) -> Bool {
        guard let text = subject.request.filter, let filter = try? Filter(text),
            let flow = SampleFlows.make(subject.request.hook, traits, options: [:])?.flow
        else { return true }
        return filter.matches(FilteredFlow(flow))
    }

    /// A place in the state where a value of the traits stands.
    private struct Mark {
        let place: String
        let value: @Sendable (SampleTraits) -> ByteString
        let path: [String]

        /// Nil where the event has no such place.
        func isKept(in state: JSON, _ traits: SampleTraits) -> Bool? {
            guard let found = find(state) else { return nil }
            let wanted = value(traits).wireJSON
            guard let pairs = found.array else { return found == wanted }
            return pairs.contains { $0.array?.first == SampleTraits.header.wireJSON && $0.array?.last == wanted }
        }

        func found(_ state: JSON) -> String {
            guard let found = find(state) else { return "none" }
            guard let pairs = found.array else { return String(decoding: found.encoded, as: UTF8.self) }
            let own = pairs.first { $0.array?.first == SampleTraits.header.wireJSON }
            return own.map { String(decoding: $0.encoded, as: UTF8.self) } ?? "no header \(SampleTraits.header.string)"
        }

        private func find(_ state: JSON) -> JSON? {
            path.reduce(state as JSON?) { $0?[$1] }.flatMap { $0 == .null ? nil : $0 }
        }

        static let all: [Mark] =
            ["request", "response"].flatMap { side in
                [
                    Mark(
                        place: "the header \(SampleTraits.header.string) of the \(side)", value: \.value,
                        path: ["flow", side, "headers"]),
                    Mark(
                        place: "the \(side)'s body", value: { side == "request" ? $0.requestBody : $0.body },
                        path: ["flow", side, "content"]),
                ]
            } + [Mark(place: "the path", value: \.path, path: ["flow", "request", "path"])]
    }
}
