import Testing

@testable import Schema

struct OptionTests {
    private struct Table: OptionTable {
        let on = Option<Bool>("on", true, read: .whenUsed, "On.")
        let count = Option<Int>("count", 3, "A count.")
        let ratio = Option<Double>("ratio", 1, read: .whenUsed, "A ratio.")
        let word = Option<String>("word", "a", choices: ["a", "b"], read: .whenUsed, "A word.")
        let port = Option<Int?>("port", 1, "A port.")
        let list = Option<[String]>("list", ["x"], "A list.")
    }

    private func store(_ specs: [String]) throws -> OptionStore {
        let store = OptionStore(Table().options)
        try store.assign(OptionAssignment.grouped(specs, source: "--set"))
        return store
    }

    @Test(
        "--set reads NAME, NAME=VALUE and repetitions as the type says",
        arguments: [
            ("on", "on", "true"), ("on=true", "on", "true"), ("on=false", "on", "false"), ("on=toggle", "on", "false"),
            ("count=5", "count", "5"), ("count=-5", "count", "-5"), ("ratio=2.5", "ratio", "2.5"), ("word=b", "word", "\"b\""),
            ("port", "port", "null"), ("port=", "port", "null"), ("port=7", "port", "7"), ("list", "list", "[]"),
            ("list=a list=b=c", "list", "[\"a\",\"b=c\"]"), ("list=", "list", "[\"\"]"),
        ])
    func grammar(specs: String, name: String, value: String) throws {
        let json = try #require(try store(specs.split(separator: " ").map(String.init)).json[name])
        #expect(String(decoding: json.encoded, as: UTF8.self) == value)
    }

    @Test("a number that no integer holds has a text for people")
    func large() throws {
        let store = try store(["ratio=1e300"])
        #expect(store.settings.text(try #require(store.options.first { $0.name == "ratio" })) == "1e+300")
    }

    @Test(
        "a value that is not of the type is refused with the expectation and the finding",
        arguments: [
            (["on=1"], "--set: option on: expected bool, found '1'"),
            (["count"], "--set: option count: expected int, found no value"),
            (["count=1.5"], "--set: option count: expected int, found '1.5'"),
            (["count=1", "count=2"], "--set: option count: expected one int, found 2: '1', '2'"),
            (["ratio=inf"], "--set: option ratio: expected number, found 'inf'"),
            (["word"], "--set: option word: expected one of a, b, found no value"),
            (["word=c"], "--set: option word: expected one of a, b, found 'c'"),
            (["port=x"], "--set: option port: expected optional int, found 'x'"),
        ])
    func refusals(specs: [String], message: String) {
        let failure = #expect(throws: OptionFailure.self) { try store(specs) }
        #expect(failure?.description == message)
    }

    @Test("a toggle turns the value over that the configuration file gave")
    func toggle() throws {
        let store = OptionStore(Table().options)
        try store.assign([
            OptionAssignment("on", json: false, source: "c.yaml:1"), OptionAssignment("on", texts: ["toggle"], source: "--set"),
        ])
        #expect(store.json["on"] == true)
    }

    @Test("a value for a name that nobody knows waits for the declaration")
    func waiting() throws {
        let store = try store(["mine=4"])
        try store.declare([Option<Int>("mine", 1, read: .whenUsed, "Mine.")], by: "a")
        try store.settle(expectingMore: false)
        #expect(store.json["mine"] == 4 && store.declared.map(\.worker) == ["a"])
    }

    @Test("a value that waited and is wrong is told when all have declared theirs")
    func wrongLater() throws {
        let store = try store(["mine=x"])
        try store.declare([Option<Int>("mine", 1, read: .whenUsed, "Mine.")], by: "a")
        let failure = #expect(throws: OptionFailure.self) { try store.settle(expectingMore: false) }
        #expect(failure?.description == "--set: option mine: expected int, found 'x'")
    }

    @Test("workers share an option of one type, and keep its value when they declare it again")
    func sharing() throws {
        let store = try store([])
        try store.declare([Option<Int>("mine", 1, read: .whenUsed, "Mine.")], by: "a")
        store.commit(try store.proposal(["mine": 9]))
        try store.declare([Option<Int>("mine", 2, read: .whenUsed, "Mine too.")], by: "b")
        #expect(store.json["mine"] == 9 && store.declared.count == 1)
    }

    @Test("an option of another type or of weir's own is refused, and with it all of that worker's")
    func conflicts() throws {
        let store = try store([])
        try store.declare([Option<Int>("mine", 1, read: .whenUsed, "Mine.")], by: "a")
        let other = Option<Bool>("other", true, read: .whenUsed, "Other.")
        let refusal = #expect(throws: StateRefusal.self) {
            try store.declare([other, Option<String>("mine", "", read: .whenUsed, "Mine.")], by: "b")
        }
        #expect(refusal?.path == "options[1]" && refusal?.reason == "'mine' is str here, and int by addon 'a'")
        #expect(store.json["other"] == nil)
        let own = #expect(throws: StateRefusal.self) {
            try store.declare([Option<Int>("count", 3, read: .whenUsed, "Count.")], by: "b")
        }
        #expect(own?.reason == "'count' is an option of weir itself")
    }

    @Test(
        "a change is refused whole where one of its values cannot hold",
        arguments: [
            (["on": false, "other": 1] as JSON, OptionRefusal.unknown("other")),
            (["on": false, "count": 4] as JSON, OptionRefusal.fixed("count")),
            (["on": 1] as JSON, OptionRefusal.value("on", "option on: expected bool, found an integer, 1")),
            (["word": "c"] as JSON, OptionRefusal.value("word", "option word: expected one of a, b, found 'c'")),
        ] as [(JSON, OptionRefusal)])
    func proposals(json: JSON, refusal: OptionRefusal) throws {
        let values = try #require(json.object)
        let store = try store([])
        #expect(throws: refusal) { try store.proposal(values) }
        #expect(store.json["on"] == true)
    }

    @Test("values hold from the commit on, and what does not differ is no change")
    func commit() throws {
        let store = try store([])
        let proposal = try store.proposal(["on": false, "ratio": 1])
        #expect(proposal.names == ["on"] && store.json["on"] == true)
        store.commit(proposal)
        #expect(store.json["on"] == false)
    }
}
