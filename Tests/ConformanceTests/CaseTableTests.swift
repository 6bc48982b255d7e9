import FlowModel
import HTTPExchange
import ProxyKernel
import SOCKS
import Schema
import Testing

@testable import Conformance

@Suite struct CaseTableTests {
    private static let hooks: [any AnyHook] =
        LifecycleHooks.table.hooks + ConnectionHooks.table.hooks + TLSHooks.table.hooks + LayerHooks.table.hooks
        + HTTPHooks.table.hooks + SOCKSHooks.table.hooks + WebSocketHooks.table.hooks + TCPHooks.table.hooks
        + UDPHooks.table.hooks + DNSHooks.table.hooks

    @Test("each case has a name of its own, a section, and says what it tries")
    func rows() {
        #expect(Set(Case.table.map(\.name)).count == Case.table.count)
        for entry in Case.table {
            #expect(entry.doc.count > 20 && entry.doc.hasSuffix("."))
            #expect((1...17).contains(entry.section))
        }
    }

    @Test("every hook has a sample, whose answer without changes leaves it as it is", arguments: hooks.map(\.name))
    func samples(_ name: String) throws {
        let hook = try #require(Self.hooks.first { $0.name == name })
        for traits in SampleTraits.plain + [.odd] {
            let sample = try #require(SampleFlows.make(hook, traits, options: ["a": 1]))
            let shown = sample.shown(.whole)
            var writer = JSONWriter()
            writer.beginObject()
            shown.write(nil, &writer)
            writer.endObject()
            let state = try JSONReader().read(writer.bytes)
            #expect(try shown.judge([:]) == state)
            #expect(try shown.judge(state) == state)
        }
    }

    @Test("what the core would refuse is refused with its path")
    func refusals() throws {
        let sample = try #require(SampleFlows.make(HTTPHooks.table.response, SampleTraits(), options: [:]))
        let shown = sample.shown(.none)
        #expect(throws: StateRefusal.self) { try shown.judge(["flow": ["response": ["status_code": 42]]]) }
        #expect(throws: StateRefusal.self) { try shown.judge(["flow": ["id": "another"]]) }
        #expect(throws: StateRefusal.self) { try shown.judge([]) }
        #expect(throws: StateRefusal.self) { try shown.judge(["kill": 1]) }
    }

    @Test(
        "traits are found for what a filter asks for",
        arguments: [
            "~d example\\.com", "~m DELETE", "~u /admin & ~m POST", "~d cdn.test & ~t image/svg", "~c 418", "! ~d example.com",
            "~u track", "~bs needle",
        ])
    func filters(_ text: String) throws {
        let filter = try Filter(text)
        let found = (SampleTraits.plain + FilterHints.traits(of: text)).contains { traits in
            SampleFlows.make(HTTPHooks.table.response, traits, options: [:])?.flow.map { filter.matches(FilteredFlow($0)) }
                ?? false
        }
        #expect(found)
    }
}
