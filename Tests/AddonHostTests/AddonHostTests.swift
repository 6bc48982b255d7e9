import FlowModel
import NIOCore
import ProxyKernel
import Schema
import Testing

@testable import AddonHost

@Suite(.serialized) struct AddonHostTests {
    private let hooks = TestHooks.table
    private let addHeader = """
        flow["request"]["headers"].append(["x-addon", "py"])
        return {"flow": flow}
        """

    @Test("the whole state comes back with one header more, on the worker's loop and on another", arguments: [0, 1])
    func roundTrip(loop: Int) async throws {
        let rig = try Rig()
        try await rig.host.start([rig.python("edit", hooks: #"["request"]"#, addHeader)])
        let flow = try await rig.fire(hooks.request, loop: loop)
        #expect(flow.header("x-addon") == ["py"])
        #expect(flow.header("host") == ["example.org"])
        await rig.host.shutdown()
    }

    @Test("each worker of a chain sees the changes of those before it, in the order of the command line")
    func chain() async throws {
        let rig = try Rig()
        let count = """
            n = len([h for h in flow["request"]["headers"] if h[0] == "x-seen"])
            return {"flow": {"request": {"headers": flow["request"]["headers"] + [["x-seen", "%s %d" % (NAME, n)]]}}}
            """
        try await rig.host.start([
            rig.python("a", hooks: #"["request"]"#, "NAME = 'a'\n" + count),
            rig.python("b", hooks: #"["request"]"#, "NAME = 'b'\n" + count),
        ])
        #expect(try await rig.fire(hooks.request).header("x-seen") == ["a 0", "b 1"])
        await rig.host.shutdown()
    }

    @Test("a worker that dies in an event costs that event, by the policy, and is back within a second")
    func crash() async throws {
        let rig = try Rig()
        let die = """
            if b"die" in flow["request"]["path"].encode(): os._exit(3)
            flow["request"]["headers"].append(["x-attempt", str(params["attempt"])])
            return {"flow": flow}
            """
        try await rig.host.start([rig.python("mortal", hooks: #"["request", {"name": "response", "on_failure": "kill"}]"#, die)])
        let flow = try await rig.fire(hooks.request, rig.flow(path: "/die"))
        #expect(flow.header("x-attempt") == [])
        #expect(try await rig.until { try await rig.fire(hooks.request).header("x-attempt") == ["1"] })
        #expect(rig.log.count(containing: "died: it exited with status 3; 1 event lost (1 continue)") == 1, "\(rig.log.all)")

        let error = await #expect(throws: ProxyFailure.self) { try await rig.fire(hooks.response, rig.flow(path: "/die")) }
        #expect(error?.what == .worker)
        await rig.host.shutdown()
    }
}
