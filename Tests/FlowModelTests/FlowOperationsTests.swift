import NIOCore
import Schema
import Testing

@testable import FlowModel

/// Backup, revert, copies, and what a replay starts from.
struct FlowOperationsTests {
    private var flow: HTTPFlow {
        let client = Client(
            id: "c", peername: .init(host: "1.2.3.4", port: 5), sockname: .init(host: "::1", port: 6), proxyMode: "regular",
            timestampStart: 1)
        var flow = HTTPFlow(
            id: "f", client: Frozen(client), server: Frozen(Server(id: "s", address: nil)), timestampCreated: 2)
        flow.request.host = "example.org"
        flow.request.port = 80
        flow.request.content = .bytes(ByteBuffer(bytes: [0xFF, 0]))
        flow.request.headers = Headers([("A", "1"), ("a", "2")])
        flow.response = Response()
        return flow
    }

    @Test("a state with every kind of member is restored to the same flow, backup and all")
    func inverse() throws {
        var flow = flow
        flow.keepBackup()
        flow.error = FlowError("broken", at: 3.25)
        flow.response?.trailers = Headers([("T", "v")])
        flow.response?.content = .omitted(7)
        #expect(try HTTPFlow.restored(from: flow.wireJSON, at: "") == flow)
    }

    @Test("a state of a request that could not be read is restored")
    func unreadable() throws {
        var flow = flow
        flow.request.method = ""
        flow.request.path = ""
        flow.request.host = ""
        #expect(try HTTPFlow.restored(from: flow.wireJSON, at: "") == flow)
    }

    @Test("the first backup stays, holds no other, and a flow is modified only if it differs from it")
    func backup() {
        var flow = flow
        #expect(!flow.isModified)
        let before = flow
        flow.keepBackup()
        #expect(!flow.isModified)
        flow.comment = "changed"
        flow.keepBackup()
        #expect(flow.isModified && flow.backup?.value == before)
        flow.revert(isLive: false)
        #expect(flow == before && !flow.isModified)
        flow.revert(isLive: false)
        #expect(flow == before, "without a backup nothing is reverted")
    }

    @Test("a live flow keeps what has come from the wire since its backup")
    func liveRevert() {
        var flow = flow
        flow.response = nil
        flow.keepBackup()
        flow.request.path = "/changed"
        flow.response = Response()
        flow.intercepted = true
        flow.server = Frozen(Server(id: "new", address: nil))
        flow.revert(isLive: true)
        #expect(flow.request.path == "/" && flow.response != nil && flow.intercepted && flow.server.value.id == "new")
    }

    @Test("a copy differs in its id, and has neither a backup nor stands still")
    func copy() {
        var flow = flow
        flow.keepBackup()
        flow.intercepted = true
        var copy = flow.copy()
        #expect(copy.id != flow.id && copy.backup == nil && !copy.intercepted)
        copy.id = flow.id
        #expect(copy == self.flow)
    }

    @Test("a replay starts without response and error, with the state before as its backup")
    func replay() {
        var flow = flow
        flow.error = FlowError("broken", at: 3)
        let replay = flow.prepareReplay()
        #expect(replay.id == flow.id && replay.timestampCreated == flow.timestampCreated && replay.isReplay == "request")
        #expect(replay.response == nil && replay.error == nil && replay.backup?.value == flow)
    }

    @Test(
        "the host of the Host field, without its port",
        arguments: [
            ("example.com", "example.com"), ("example.com:8080", "example.com"), ("[::1]:80", "::1"), ("[::1]", "::1"),
            ("", "example.org"),
        ])
    func prettyHost(_ field: String, _ host: String) {
        var request = flow.request
        #expect(request.prettyHost == "example.org")
        request.headers.set("Host", ByteString(field))
        #expect(request.prettyHost == host)
    }
}
