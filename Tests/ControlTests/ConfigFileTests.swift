import Schema
import Testing

@testable import Control

private struct Table: OptionTable {
    let flag = Option<Bool>("flag", false, read: .whenUsed, "A flag.")
    let count = Option<Int>("count", 3, "A count.")
    let ratio = Option<Double>("ratio", 1, "A ratio.")
    let word = Option<String>("word", "a", choices: ["a", "b"], "A word.")
    let note = Option<String?>("note", nil, "A note.")
    let list = Option<[String]>("list", [], "A list.")
}

struct ConfigFileTests {
    private let table = Table()

    private func settings(_ yaml: String) throws -> Settings {
        let store = OptionStore(table.options)
        try store.assign(try ConfigFile.parse(yaml, path: "c.yaml"))
        try store.settle(expectingMore: false)
        return store.settings
    }

    @Test("values of every type are read as YAML types them")
    func types() throws {
        let settings = try settings("flag: true\ncount: 0x10\nratio: 2\nword: b\nnote: 'yes'\nlist:\n- one\n- \"2\"\n")
        #expect(settings[table.flag] && settings[table.count] == 16 && settings[table.ratio] == 2)
        #expect(settings[table.word] == "b" && settings[table.note] == "yes" && settings[table.list] == ["one", "2"])
    }

    @Test("a file without options is no error", arguments: ["", "# nothing\n", "---\n", "null\n"])
    func empty(yaml: String) throws { #expect(try ConfigFile.parse(yaml, path: "c.yaml").isEmpty) }

    @Test(
        "what is wrong is named with file, line, option, expectation and finding",
        arguments: [
            ("flag: true\ncount: many", "c.yaml:2: option count: expected int, found a string, \"many\""),
            ("count: '3'", "c.yaml:1: option count: expected int, found a string, \"3\""),
            ("flag: yes", "c.yaml:1: option flag: expected bool, found a string, \"yes\""),
            ("list: one", "c.yaml:1: option list: expected sequence of str, found a string, \"one\""),
            ("list: [1]", "c.yaml:1: option list: expected sequence of str, found an array, [1]"),
            ("word: c", "c.yaml:1: option word: expected one of a, b, found 'c'"),
            ("count:", "c.yaml:1: option count: expected int, found null, null"),
            ("ratio: nan", "c.yaml:1: option ratio: expected number, found a string, \"nan\""),
            ("count: {a: 1}", "c.yaml:1: option count: expected a value or a list, found a mapping"),
            ("- flag", "c.yaml:1: expected options as `name: value`, found a list"),
            ("flag", "c.yaml:1: expected options as `name: value`, found a string"),
            ("\nother: 1", "c.yaml:2: unknown option 'other': neither weir nor an addon declares it; --options lists them"),
        ])
    func wrong(yaml: String, message: String) {
        let failure = #expect(throws: OptionFailure.self) { try settings(yaml) }
        #expect(failure?.description == message)
    }

    @Test(
        "what is no YAML, or names an option twice, is refused with its line", arguments: ["flag: [1", "flag: true\nflag: false"])
    func broken(yaml: String) {
        let failure = #expect(throws: OptionFailure.self) { try settings(yaml) }
        #expect(failure?.description.hasPrefix("c.yaml:") == true)
    }

    @Test("what --options prints is a configuration file with the same values")
    func listing() throws {
        let store = OptionStore(table.options)
        try store.assign(OptionAssignment.grouped(["flag", "list=a: b", "list=#c", "note=x\ny", "ratio=0.5"], source: "--set"))
        let again = OptionStore(table.options)
        try again.assign(try ConfigFile.parse(OptionListing.yaml(store.options, store.settings), path: "c.yaml"))
        #expect(again.json == store.json)
        #expect(store.json["list"] == ["a: b", "#c"])
    }
}
