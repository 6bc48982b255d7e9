import Schema
import Testing

@testable import AddonWire

struct InitializeResultTests {
    private struct Hooks: HookTable {
        let request = Hook<Nothing>("request", "A request.")
        let connected = Hook<Nothing>("client_connected", aliases: ["clientconnect"], "A client.")
        static let table = Hooks()
    }

    fileprivate func read(_ text: String) throws -> InitializeResult {
        try InitializeResult(JSONReader().read(Array(text.utf8)), hooks: Hooks.table.hooks)
    }

    @Test("only hooks has to be there, and a hook may be a name")
    func shortest() throws {
        let result = try read(#"{"hooks":["request"]}"#)
        #expect(result.version == 1)
        #expect(result.hooks.map(\.name) == ["request"])
        #expect(result.hooks[0].content == .none && !result.hooks[0].observes && result.hooks[0].policy == nil)
    }

    @Test("each list has a bound, and so has the number of times that one hook is in it")
    func lists() throws {
        func list(_ count: Int, _ entry: (Int) -> String) -> String { "[" + (0..<count).map(entry).joined(separator: ",") + "]" }
        func isRead(_ text: String) -> Bool { (try? read(text)) != nil }
        let lists: [(String, (Int) -> String)] = [
            ("permissions", { _ in #""flow.get""# }),
            ("options", { #"{"name":"o\#($0)","type":"int","default":1}"# }),
            ("commands", { #"{"name":"c\#($0)"}"# }),
        ]
        for (name, entry) in lists {
            #expect(isRead(#"{"\#(name)":\#(list(128, entry))}"#), "\(name)")
            #expect(!isRead(#"{"\#(name)":\#(list(129, entry))}"#), "\(name)")
        }
        #expect(isRead(#"{"hooks":\#(list(8) { _ in #""request""# })}"#))
        #expect(!isRead(#"{"hooks":\#(list(9) { _ in #""request""# })}"#))
        #expect(isRead(#"{"hooks":[{"name":"request","fields":\#(list(128) { _ in #""a""# })}]}"#))
        #expect(!isRead(#"{"hooks":[{"name":"request","fields":\#(list(129) { _ in #""a""# })}]}"#))
    }

    @Test("an alias is kept as the name that events carry")
    func alias() throws {
        let request = try #require(try read(#"{"hooks":["clientconnect"]}"#).hooks.first)
        #expect(request.name == "clientconnect")
        #expect(request.hook.name == "client_connected")
    }

    @Test("every member of a hook is read")
    func whole() throws {
        let result = try read(
            """
            {"protocol":1,"name":"n","version":"2","limits":{"max_line":2048,"max_in_flight":4},"hooks":[{"name":"request",\
            "filter":"~q","content":"decoded","observe":true,"timeout_ms":250,"on_failure":"retry","idempotent":true,"order":-3}]}
            """)
        let hook = try #require(result.hooks.first)
        #expect(hook.filter == "~q" && hook.content == .decoded && hook.observes && hook.timeout == 250)
        #expect(hook.policy == .retry && hook.isIdempotent && hook.order == -3)
        #expect(result.maximumLine == 2048 && result.maximumInFlight == 4 && result.name == "n" && result.workerVersion == "2")
    }

    @Test(
        "what is refused is named by its path",
        arguments: [
            ("[]", "result: expected an object, found an array"),
            (#"{"hooks":{}}"#, "hooks: expected an array, found an object"),
            (#"{"protocol":2,"hooks":[]}"#, "protocol: version 2 was not offered (1)"),
            (#"{"protocol":"1","hooks":[]}"#, "protocol: expected an integer, found a string"),
            (#"{"name":3,"hooks":[]}"#, "name: expected a string, found an integer"),
            (#"{"hooks":["request","reqest"]}"#, "hooks[1]: there is no hook 'reqest'"),
            (#"{"hooks":[{"name":"x"}]}"#, "hooks[0].name: there is no hook 'x'"),
            (#"{"hooks":[{}]}"#, "hooks[0].name: missing"),
            (#"{"hooks":[3]}"#, "hooks[0]: expected a hook's name or an object, found an integer"),
            (
                #"{"hooks":[{"name":"request","content":"all"}]}"#,
                #"hooks[0].content: expected one of none, whole, decoded, stream or {"preview": n}, found 'all'"#
            ),
            (
                #"{"hooks":[{"name":"request","content":{"preview":0}}]}"#,
                #"hooks[0].content: expected {"preview": 1 to 262144}"#
            ),
            (#"{"hooks":[{"name":"request","content":"whole","decode":true}]}"#, "hooks[0].decode: it is for content: stream"),
            (
                #"{"hooks":[{"name":"request","on_failure":"ignore"}]}"#,
                "hooks[0].on_failure: expected one of continue, kill, retry, found 'ignore'"
            ),
            (#"{"hooks":[{"name":"request","on_failure":"retry"}]}"#, "hooks[0].on_failure: retry needs idempotent: true"),
            (#"{"hooks":[{"name":"request","timeout_ms":0}]}"#, "hooks[0].timeout_ms: expected a number above 0, found 0"),
            (#"{"hooks":[{"name":"request","observe":1}]}"#, "hooks[0].observe: expected a boolean, found an integer"),
            (#"{"hooks":[],"limits":{"max_line":10}}"#, "limits.max_line: expected at least 1024, found 10"),
            (#"{"hooks":[],"limits":{"max_in_flight":-1}}"#, "limits.max_in_flight: expected a number above 0, found -1"),
        ])
    func refusals(text: String, message: String) {
        let refusal = #expect(throws: StateRefusal.self) { try read(text) }
        #expect(refusal?.description == message + " (bad_state)")
    }
}

extension InitializeResultTests {
    @Test(
        "an option is declared with one of nine types, and its default may be left out where it is nothing",
        arguments: [
            (#"{"name": "a", "type": "bool", "default": true}"#, "true"),
            (#"{"name": "a", "type": "int", "default": 3}"#, "3"),
            (#"{"name": "a", "type": "number", "default": 0.5}"#, "0.5"),
            (#"{"name": "a", "type": "str", "default": "x", "choices": ["x", "y"]}"#, #""x""#),
            (#"{"name": "a", "type": "optional bool", "default": null}"#, "null"),
            (#"{"name": "a", "type": "optional int"}"#, "null"),
            (#"{"name": "a", "type": "optional number", "default": 0.5}"#, "0.5"),
            (#"{"name": "a", "type": "optional str", "choices": ["x"]}"#, "null"),
            (#"{"name": "a", "type": "sequence of str"}"#, "[]"),
            (#"{"name": "a", "type": "sequence of str", "default": ["x"], "help": "h"}"#, #"["x"]"#),
        ])
    func declaredOptions(declaration: String, value: String) throws {
        let option = try #require(try read(#"{"options": [\#(declaration)]}"#).options.first?.option)
        #expect(option.name == "a" && option.reading == .whenUsed)
        #expect(String(decoding: option.defaultJSON.encoded, as: UTF8.self) == value)
    }

    @Test(
        "a declaration that cannot stand is refused with its place",
        arguments: [
            (#"{"options": 1}"#, "options"), (#"{"options": ["a"]}"#, "options[0]"),
            (#"{"options": [{"type": "int", "default": 1}]}"#, "options[0].name"),
            (#"{"options": [{"name": "1a", "type": "int", "default": 1}]}"#, "options[0].name"),
            (#"{"options": [{"name": "a.b", "type": "int", "default": 1}]}"#, "options[0].name"),
            (#"{"options": [{"name": "a"}]}"#, "options[0].type"),
            (#"{"options": [{"name": "a", "type": "integer"}]}"#, "options[0].type"),
            (#"{"options": [{"name": "a", "type": "int"}]}"#, "options[0].default"),
            (#"{"options": [{"name": "a", "type": "int", "default": null}]}"#, "options[0].default"),
            (#"{"options": [{"name": "a", "type": "int", "default": 1.5}]}"#, "options[0].default"),
            (#"{"options": [{"name": "a", "type": "str", "default": "x", "choices": ["y"]}]}"#, "options[0].default"),
            (#"{"options": [{"name": "a", "type": "str", "default": "x", "choices": "x"}]}"#, "options[0].choices"),
            (#"{"commands": [{"name": "c"}, {"name": "a b"}]}"#, "commands[1].name"),
            (#"{"commands": [{"name": "c", "help": 1}]}"#, "commands[0].help"), (#"{"commands": {}}"#, "commands"),
        ])
    func refusedDeclarations(result: String, path: String) {
        let refusal = #expect(throws: StateRefusal.self) { try read(result) }
        #expect(refusal?.path == path)
    }

    @Test("a command has a name, and words for people")
    func commands() throws {
        let command = try #require(
            try read(#"{"commands": [{"name": "cache.clear-all", "arguments": "n: int"}]}"#).commands.first)
        #expect(command.name == "cache.clear-all" && command.arguments == "n: int" && command.help == "" && command.result == "")
    }
}
