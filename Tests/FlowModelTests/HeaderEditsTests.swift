import FlowModel
import Schema
import Testing

/// What they do is in `Protocol/vectors/replies.json`.
@Suite("Edits of headers")
struct HeaderEditsTests {
    private func edited(_ headers: Headers, _ edits: JSON) throws -> Headers {
        var headers = headers
        for change in try Headers.changes(from: headers, to: edits, at: "h", access: .writable) { change.apply(&headers) }
        return headers
    }

    @Test("as many edits as a line has room for take no longer for each of them", .timeLimit(.minutes(1)))
    func manyEdits() throws {
        var many = Headers()
        for index in 0..<50_000 { many.append(name: ByteString("x-\(index)"), value: "1") }
        let names = (0..<100_000).map { JSON.string("X-\($0)") }
        #expect(try edited(many, ["remove": .array(names)]).isEmpty)
        let pairs = names.prefix(50_000).map { JSON.array([$0, "2"]) }
        let set = try edited(many, ["set": .array(pairs)])
        #expect(set.count == 50_000 && set.allSatisfy { $0.value == "2" && $0.name.string.hasPrefix("x-") })
        #expect(try edited(many, ["add": .array(pairs)]).count == 100_000)
        #expect(try edited(Headers(), ["set": .array(pairs + pairs)]).count == 100_000)
    }

    @Test("edits where nothing may be changed are refused, unless they change nothing")
    func readOnly() throws {
        let headers: Headers = ["A": "1"]
        #expect(try Headers.changes(from: headers, to: ["set": [["a", "1"]]], at: "h", access: .readOnly).isEmpty)
        #expect(throws: StateRefusal(.readOnly, at: "h", "it may not be changed")) {
            try Headers.changes(from: headers, to: ["set": [["a", "2"]]], at: "h", access: .readOnly)
        }
    }

    @Test("a dictionary of fields is refused by the names that were found")
    func dictionary() {
        let error = #expect(throws: StateRefusal.self) { try edited(["A": "1"], ["X-A": "1", "X-B": "2"]) }
        #expect(error?.reason.hasSuffix("or an object of remove, set and add alone, found an object of 'X-A', 'X-B'") == true)
    }
}
