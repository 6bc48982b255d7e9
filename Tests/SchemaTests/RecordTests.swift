import Testing

@testable import Schema

private struct Inner: Record, Equatable {
    var text = "t"
    var count = 1
    static let name = "Inner"
    static let doc = "An inner record."
    static let blank = Inner()
    static let fields: [Field<Inner>] = [
        Field("text", \.text, "Text."),
        Field("count", \.count, refuse: { $0 < 0 ? "it is negative" : nil }, "A count."),
    ]
}

private struct Outer: Record, Equatable {
    var id = "x"
    var inner = Inner()
    var other: Inner? = nil
    static let name = "Outer"
    static let doc = "An outer record."
    static let blank = Outer()
    static let fields: [Field<Outer>] = [
        Field("id", \.id, .readOnly, "The id."), Field("inner", \.inner, "Inside."), Field("other", \.other, "Perhaps inside."),
    ]
}

/// How rows turn a worker's object into changes, and a selection into what is sent.
struct RecordTests {
    private func json(_ text: String) throws -> JSON { try JSONReader().read(Array(text.utf8)) }

    private func applied(_ text: String, to old: Outer = Outer()) throws -> Outer {
        var new = old
        for change in try Outer.changes(from: old, to: json(text), at: "", access: .writable) { change.apply(&new) }
        return new
    }

    private func encoded(_ value: Outer, _ paths: [String]?) throws -> String {
        var selection: Selection?
        if let paths {
            var new = Selection()
            for path in paths { try new.add(path, of: Outer.recordShape) }
            selection = new
        }
        var writer = JSONWriter()
        value.write(selection, to: &writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test("absent and unknown members change nothing; a nested one changes only itself")
    func merge() throws {
        #expect(try applied("{}") == Outer())
        #expect(try applied(#"{"unknown":1,"inner":{"new":2}}"#) == Outer())
        #expect(try applied(#"{"inner":{"count":5}}"#) == Outer(inner: Inner(count: 5)))
    }

    @Test("a change says where it is, and there is none where nothing differs")
    func paths() throws {
        let changes = try Outer.changes(
            from: Outer(), to: json(#"{"id":"x","inner":{"text":"t","count":2},"other":{"text":"new"}}"#), at: "",
            access: .writable)
        #expect(changes.map(\.path) == ["inner.count", "other"])
    }

    @Test("null and an object replace an optional record; a part of one is merged into it")
    func optional() throws {
        #expect(try applied(#"{"other":{"text":"new"}}"#).other == Inner(text: "new"))
        let present = Outer(other: Inner(text: "old", count: 7))
        #expect(try applied(#"{"other":{"count":8}}"#, to: present).other == Inner(text: "old", count: 8))
        #expect(try applied(#"{"other":null}"#, to: present).other == nil)
    }

    @Test(
        "what is refused names its place",
        arguments: [
            (#"{"id":"y"}"#, "id: it may not be changed (read_only)"),
            (#"{"inner":{"count":-1}}"#, "inner.count: it is negative (bad_state)"),
            (#"{"inner":{"count":"1"}}"#, "inner.count: expected an integer, found a string (bad_state)"),
            (#"{"inner":3}"#, "inner: expected an object, found an integer (bad_state)"),
        ])
    func refusals(_ text: String, _ reason: String) throws {
        let json = try json(text)
        do {
            _ = try Outer.changes(from: Outer(), to: json, at: "", access: .writable)
            Issue.record("accepted")
        } catch { #expect("\(error)" == reason) }
    }

    @Test(
        "a selection sends the rows that it names, in the order of the table",
        arguments: [
            (["inner.count", "id"], #"{"id":"x","inner":{"count":1}}"#),
            (["inner.count", "inner"], #"{"inner":{"text":"t","count":1}}"#),
            (["inner", "inner.count"], #"{"inner":{"text":"t","count":1}}"#),
            (["other.count"], #"{"other":null}"#),
        ])
    func selections(_ paths: [String], _ expected: String) throws { #expect(try encoded(Outer(), paths) == expected) }

    @Test(
        "a path that names nothing is refused with what is wrong",
        arguments: [
            ("nothing", "Outer has no member 'nothing'"), ("id.x", "'id' has no members"), ("inner.", "Inner has no member ''"),
        ])
    func badSelections(_ path: String, _ reason: String) {
        var selection = Selection()
        #expect(throws: StateRefusal(.badState, at: path, reason)) { try selection.add(path, of: Outer.recordShape) }
    }
}
