import Schema
import Testing

@testable import FlowModel

/// Flows share their parts until one of them is changed.
struct BoxedTests {
    private func flow() -> HTTPFlow {
        var flow = HTTPFlow(id: "1", client: Frozen(.blank), server: Frozen(.blank), timestampCreated: 1)
        flow.request.path = "/a"
        return flow
    }

    @Test("a change of a copy leaves the original alone")
    func copies() {
        let original = flow()
        var copy = original
        copy.request.path = "/b"
        copy.response = Response()
        #expect(original.request.path == "/a")
        #expect(original.response == nil)
        #expect(copy.request.path == "/b")
        #expect(original != copy)
    }

    @Test("equality is by content, not by the box")
    func equality() { #expect(flow() == flow()) }

    @Test("rows write through the box and merge into it")
    func rows() throws {
        var flow = flow()
        let json = try JSONReader().read(Array(#"{"request":{"path":"/c"},"response":{"status_code":404}}"#.utf8))
        let changes = try HTTPFlow.changes(from: flow, to: json, at: "flow", access: .writable)
        #expect(changes.map(\.path) == ["flow.request.path", "flow.response"])
        for change in changes { change.apply(&flow) }
        #expect(flow.request.path == "/c")
        #expect(flow.response?.statusCode == 404)
    }
}
