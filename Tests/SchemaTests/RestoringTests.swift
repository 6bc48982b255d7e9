import Testing

@testable import Schema

private struct Part: Record, Equatable {
    var text = "t"
    var count = 1
    static let name = "Part"
    static let doc = "A part."
    static let blank = Part()
    static let fields: [Field<Part>] = [
        Field("text", \.text, refuse: { $0.isEmpty ? "it is empty" : nil }, "Text."), Field("count", \.count, "A count."),
    ]
}

private struct Whole: Record, Equatable {
    var version = 3
    var side: String? = nil
    var part = Part()
    var other: Part? = nil
    var parts: [Part] = []
    static let name = "Whole"
    static let doc = "A whole."
    static let blank = Whole()
    static let fields: [Field<Whole>] = [
        Field("version", \.version, .readOnly, words: [3], "The version."),
        Field("side", \.side, words: [nil, "left"], "A side."), Field("part", \.part, "Inside."),
        Field("other", \.other, "Perhaps inside."), Field("parts", \.parts, .readOnly, "Many."),
    ]
}

/// A whole state becomes the record that it was written from; anything less or more is refused.
struct RestoringTests {
    private func json(_ text: String) throws -> JSON { try JSONReader().read(Array(text.utf8)) }
    private let whole = #"{"version":3,"side":null,"part":{"text":"t","count":1},"other":null,"parts":[]}"#

    @Test("what was written is restored")
    func inverse() throws {
        let record = Whole(
            side: "left", part: Part(text: "x", count: 2), other: Part(text: "y", count: 3), parts: [Part(), Part(text: "z")])
        #expect(try Whole.restored(from: record.wireJSON, at: "") == record)
        #expect(try Whole.restored(from: json(whole), at: "") == Whole())
    }

    @Test("what only the wire would refuse is taken")
    func lenient() throws {
        let state = whole.replacing(#""text":"t""#, with: #""text":"""#)
        #expect(try Whole.restored(from: json(state), at: "").part.text == "")
    }

    @Test(
        "what is missing, unknown or of another type is named",
        arguments: [
            (#""version":3,"#, "", "version: it is missing"),
            (#""version":3"#, #""version":4"#, "version: expected 3, found 4"),
            (#""version":3"#, #""version":"3""#, "version: expected an integer, found a string"),
            (#""side":null"#, #""side":"right""#, #"side: expected null or "left", found "right""#),
            (#""text":"t","#, "", "part.text: it is missing"),
            (#""count":1"#, #""count":1,"more":2"#, "part.more: Part has no such member"),
            (#""other":null"#, #""other":{"text":"t"}"#, "other.count: it is missing"),
            (
                #""parts":[]"#, #""parts":[{"text":"t","count":1},{"text":1,"count":1}]"#,
                "parts[1].text: expected a string, found an integer"
            ),
            (#""parts":[]"#, #""parts":{}"#, "parts: expected an array, found an object"),
            (#""parts":[]"#, #""parts":[],"x":1"#, "x: Whole has no such member"),
        ])
    func refusals(_ part: String, _ replacement: String, _ reason: String) throws {
        let state = try json(whole.replacing(part, with: replacement))
        do {
            _ = try Whole.restored(from: state, at: "")
            Issue.record("accepted")
        } catch { #expect("\(error)" == "\(reason) (bad_state)") }
    }

    @Test("a word outside its list is refused in a change, too")
    func words() throws {
        let refusal = #expect(throws: StateRefusal.self) {
            try Whole.changes(from: Whole(), to: json(#"{"side":"up"}"#), at: "flow", access: .writable)
        }
        #expect(refusal?.path == "flow.side")
    }
}

extension String {
    fileprivate func replacing(_ part: String, with replacement: String) -> String {
        guard let range = firstRange(of: part) else { return self }
        return replacingCharacters(in: range, with: replacement)
    }

    private func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
        self[..<range.lowerBound] + text + self[range.upperBound...]
    }
}
