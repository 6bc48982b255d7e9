import AddonWire
import FlowModel
import HTTPExchange
import ProxyKernel
import Schema
import Testing

@testable import AddonHost

struct GrantsTests {
    static let hooks: [any AnyHook] =
        HTTPHooks.table.hooks + WebSocketHooks.table.hooks + ConnectionHooks.table.hooks + LifecycleHooks.table.hooks

    static func grants(_ change: (inout Grants.Words) -> Void) throws -> Grants {
        var words = Grants.Words()
        change(&words)
        return try Grants(words, hooks: hooks)
    }

    @Test(
        "the longest rule of the changes decides, of equal ones the last",
        arguments: [
            ([], "flow.request.host", true), (["all"], "flow.response", true), (["-flow.request"], "flow.request.host", false),
            (["-flow.request"], "flow.response.headers", true), (["flow.response.headers"], "flow.response.headers", true),
            (["flow.response.headers"], "flow.response", false), (["flow.response.headers"], "flow.response.status_code", false),
            (["flow.response"], "flow.response.content", true),
            (["-flow.request", "flow.request.headers"], "flow.request.headers", true),
            (["-flow.response.headers"], "flow.response", false),
            (["all", "-flow.response.headers[set-cookie]"], "flow.response", false),
            (["flow.metadata"], "kill", false), (["kill"], "kill", true), (["-kill"], "flow.metadata", true),
            (["-all", "kill"], "kill", true),
        ] as [([String], String, Bool)])
    func rules(_ words: [String], _ path: String, _ isAllowed: Bool) throws {
        #expect(try Self.grants { $0.changes = words }.changes.allows(path) == isAllowed)
    }

    @Test("who is untrusted does not let flows stand still, unless that is named")
    func standstill() throws {
        #expect(try Self.grants { _ in }.changes.allows("flow.intercepted"))
        #expect(try !Self.grants { $0.level = .untrusted }.changes.allows("flow.intercepted"))
        #expect(
            try Self.grants { ($0.level, $0.changes) = (.untrusted, ["flow.intercepted"]) }.changes.allows("flow.intercepted"))
    }

    @Test("who is untrusted, or must not see something, does not say where requests go, unless that is named")
    func destination() throws {
        for path in ChangeRules.destination {
            #expect(try Self.grants { _ in }.changes.allows(path))
            #expect(try !Self.grants { $0.level = .untrusted }.changes.allows(path))
            #expect(try !Self.grants { $0.hidden = ["cookie"] }.changes.allows(path))
            #expect(
                try !Self.grants {
                    $0.hidden = ["cookie"]; $0.changes = ["all"]
                }.changes.allows(path))
        }
        #expect(
            try Self.grants {
                $0.hidden = ["cookie"]; $0.changes = ["all", "flow.request.host"]
            }.changes.allows("flow.request.host"))
    }

    @Test(
        "a header's grant is for the lines of its name alone",
        arguments: [
            (["flow.request.headers[X-Foo]"], [("a", "1"), ("x-foo", "2")], true),
            (["flow.request.headers[x-foo]"], [("x-foo", "new"), ("a", "1"), ("X-FOO", "3")], true),
            (["flow.request.headers[x-foo]"], [("a", "2")], false), (["flow.request.headers[x-foo]"], [], false),
            (["flow.request.headers[x-foo]"], [("a", "1"), ("b", "1")], false),
            (["-flow.request.headers[a]"], [("a", "1"), ("b", "1")], true), (["-flow.request.headers[a]"], [("A", "1")], false),
            (["-flow.request.headers[a]"], [("a", "1"), ("a", "1")], false),
            (["flow.response"], [("a", "1"), ("b", "1")], false),
        ] as [([String], [(String, String)], Bool)])
    func headers(_ words: [String], _ lines: [(String, String)], _ isAllowed: Bool) throws {
        let grants = try Self.grants { $0.changes = words }
        let old = RedactionTests.flow([("a", "1")])
        let new = RedactionTests.flow(lines)
        do throws(StateRefusal) {
            try grants.changes.check(["flow.request.headers"], from: old, to: new)
            #expect(isAllowed)
        } catch {
            #expect(!isAllowed)
            #expect(error.word == .denied && error.path.hasPrefix("flow.request.headers"))
        }
    }

    @Test("wrong words are refused with the option, the word and what is expected")
    func wrong() throws {
        let cases: [((inout Grants.Words) -> Void, String)] = [
            ({ $0.hooks = ["nothing"] }, "addon_hooks: expected all or a hook's name, found 'nothing'"),
            ({ $0.filter = "~zz (" }, "addon_filter:"), ({ $0.reads = ["flow.reqest"] }, "addon_reads:"),
            ({ $0.changes = ["flow.request.hedaers"] }, "found 'flow.request.hedaers'"),
            ({ $0.changes = ["flow.request.path[x]"] }, "found 'flow.request.path[x]'"),
            ({ $0.changes = ["flow.request.headers[]"] }, "addon_changes:"), ({ $0.hidden = ["json:"] }, "addon_hide: expected"),
            ({ $0.hidden = ["cookie:x"] }, "found 'cookie:x'"), ({ $0.hidden = ["a b"] }, "found 'a b'"),
            (
                { $0.permissions = ["flow.steal"] },
                "addon_permissions: expected all, standard or a call's name, found 'flow.steal'"
            ),
        ]
        for (change, text) in cases {
            let failure = #expect(throws: AddonFailure.self) { try Self.grants(change) }
            #expect(failure?.description.contains(text) == true, "\(failure?.description ?? "")")
        }
    }

    @Test("what standard means depends on the level and on what is hidden")
    func standard() throws {
        let trusted = try Self.grants { $0.level = .trusted }
        let confined = try Self.grants { _ in }
        let untrusted = try Self.grants { $0.level = .untrusted }
        let hiding = try Self.grants { $0.hidden = ["x"] }
        #expect(
            trusted.permissions.grants("flow.set") && confined.permissions.grants("flow.set") && confined.permissions.grants("fd")
        )
        #expect(!confined.permissions.grants("addon.reload") && !confined.permissions.grants("core.status"))
        #expect(!untrusted.permissions.grants("flow.get") && !untrusted.permissions.grants("fd"))
        #expect(untrusted.permissions.grants("body.read") && untrusted.permissions.grants("metrics.add"))
        #expect(confined.permissions.grants("options.set") && !hiding.permissions.grants("options.set"))
        #expect(
            try Self.grants {
                $0.hidden = ["x"]; $0.permissions = ["options.set"]
            }.permissions.grants("options.set"))
        #expect(trusted.redacted.isEmpty && confined.redacted.isEmpty)
        #expect(
            untrusted.redacted == ["header:authorization", "header:proxy-authorization", "header:cookie", "header:set-cookie"])
        #expect(
            try Self.grants {
                $0.level = .untrusted; $0.hidden = ["none"]
            }.redaction == nil)
        #expect(trusted.seesSecrets && !confined.seesSecrets)
    }

    @Test("who must not see something does not hear of the log, and gets no body in parts that may hold it")
    func parts() throws {
        let hiding = try Self.grants { $0.hidden = ["json:token"] }
        #expect(!hiding.grants(LifecycleHooks.table.log) && hiding.grants(LifecycleHooks.table.tick))
        #expect(
            hiding.granted(.stream(decodes: true), of: .request) == .none && hiding.granted(.preview(5), of: .response) == .none)
        #expect(hiding.granted(.whole, of: .request) == .whole && !hiding.grants(.fd))
        #expect(try Self.grants { $0.hidden = ["cookie"] }.granted(.preview(5), of: .request) == .preview(5))
        #expect(try Self.grants { $0.changes = ["flow.request.headers"] }.granted(.preview(5), of: .request) == .none)
        #expect(try Self.grants { $0.hooks = ["request", "clientconnect"] }.grants(HTTPHooks.table.response) == false)
    }

    @Test("what is sent is what is asked for, as far as it may be read, and the flow's id")
    func reads() throws {
        let grants = try Self.grants { $0.reads = ["flow.request.method", "flow.response"] }
        var wanted = Selection()
        try wanted.add("flow.request", of: FlowEvent.recordShape)
        let flow = RedactionTests.flow([("a", "1")], response: [])
        func sent(_ selection: Selection?) -> JSON {
            var writer = JSONWriter()
            FlowEvent(flow).write(selection, to: &writer)
            return (try? JSONReader().read(writer.bytes)) ?? .null
        }
        let record = FlowEvent.recordShape
        #expect(sent(grants.selection(wanted, of: record)) == ["flow": ["request": ["method": "GET"]]])
        let all = try #require(grants.selection(nil, of: record))
        #expect(sent(all)["flow"]?["id"] == "0b7a" && sent(all)["flow"]?["response"]?["status_code"] == 200)
        #expect(all.select(sent(nil), of: record) == sent(all))
        #expect(grants.mayRead("flow.response.content") && !grants.mayRead("flow.request.content"))
        #expect(try Self.grants { _ in }.selection(nil, of: record) == nil)
    }

    @Test("an addon's own filters look at what it is shown")
    func filters() throws {
        let grants = try Self.grants { $0.hidden = ["cookie"] }
        let flow = RedactionTests.flow([("Cookie", "s3cret"), ("x", "y")], body: "text").any
        let shown = try #require(grants.shownToFilter(flow))
        #expect(try Filter("~h s3cret").matches(FilteredFlow(flow)))
        #expect(try !Filter("~h s3cret").matches(FilteredFlow(shown)))
        #expect(try Filter("~h \"x: y\" & ~b text").matches(FilteredFlow(shown)))
    }
}
