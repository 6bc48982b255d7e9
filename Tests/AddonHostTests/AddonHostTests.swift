import Codings
import FlowModel
import Glibc
import HTTPExchange
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
        try await rig.start([rig.python("edit", hooks: #"["request"]"#, addHeader)])
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
        try await rig.start([
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
        try await rig.start([rig.python("mortal", hooks: #"["request", {"name": "response", "on_failure": "kill"}]"#, die)])
        let flow = try await rig.fire(hooks.request, rig.flow(path: "/die"))
        #expect(flow.header("x-attempt") == [])
        #expect(try await rig.until { try await rig.fire(hooks.request).header("x-attempt") == ["1"] })
        #expect(rig.log.count(containing: "died: it exited with status 3; 1 event lost (1 continue)") == 1, "\(rig.log.all)")

        let error = await #expect(throws: ProxyFailure.self) { try await rig.fire(hooks.response, rig.flow(path: "/die")) }
        #expect(error?.what == .worker)
        await rig.host.shutdown()
    }
}

@Suite(.serialized) struct AddonTroubleTests {
    private let hooks = TestHooks.table

    @Test("retry sends the event again to the restarted worker, once, with attempt 2")
    func retry() async throws {
        let rig = try Rig()
        let body = """
            if params["attempt"] == 1 or "poison" in flow["request"]["path"]: os._exit(1)
            return {"flow": {"request": {"headers": [["x-attempt", str(params["attempt"])]]}}}
            """
        let hook = #"[{"name": "request", "on_failure": "retry", "idempotent": True}]"#
        try await rig.start([rig.python("retry", hooks: hook, body)])
        #expect(try await rig.fire(hooks.request).header("x-attempt") == ["2"])
        let error = await #expect(throws: ProxyFailure.self) { try await rig.fire(hooks.request, rig.flow(path: "/poison")) }
        #expect(error?.note.contains("(crash)") == true)
        await rig.host.shutdown()
    }

    @Test(
        "what is no usable answer costs the event by its policy, and the worker goes on",
        arguments: [
            (#"{"flow": {"request": {"port": 70000}}}"#, "bad_state"), (#"{"flow": {"id": "x"}}"#, "read_only"),
            ("[]", "expected an object"),
            (#"{"flow": {"request": {"headers": [["a b", "c"]]}}}"#, "not a field name"),
        ])
    func badReply(result: String, word: String) async throws {
        let rig = try Rig()
        let body = """
            if method != "ping" and "good" not in flow["request"]["path"]:
                send({"jsonrpc": "2.0", "id": id, "result": \(result)})
                return False
            return {"flow": {"request": {"path": "/better"}}}
            """
        let hook = #"["request", {"name": "response", "on_failure": "kill"}]"#
        try await rig.start([rig.python("liar", hooks: hook, body)])
        #expect(try await rig.fire(hooks.request).http.request.path == "/")
        await #expect(throws: ProxyFailure.self) { try await rig.fire(hooks.response) }
        #expect(try await rig.fire(hooks.request, rig.flow(path: "/good")).http.request.path == "/better")
        #expect(rig.log.count(containing: word) == 2, "\(rig.log.all)")
        await rig.host.shutdown()
    }

    @Test("a line that is not JSON costs the connection; the worker is started again")
    func garbage() async throws {
        let rig = try Rig()
        let body = """
            if "bad" in flow["request"]["path"]: link.sendall(b"print debugging\\n")
            return {"flow": {"request": {"path": "/seen"}}}
            """
        try await rig.start([rig.python("noisy", hooks: #"["request"]"#, body)])
        #expect(try await rig.fire(hooks.request, rig.flow(path: "/bad")).http.request.path == "/bad")
        #expect(try await rig.until { try await rig.fire(hooks.request).http.request.path == "/seen" })
        #expect(rig.log.count(containing: "bad line") == 1, "\(rig.log.all)")
        await rig.host.shutdown()
    }

    @Test("an event that is not answered in time ends by its policy; the late answer does no harm")
    func timeout() async throws {
        let rig = try Rig()
        let body = """
            if "slow" in flow["request"]["path"]: time.sleep(0.3)
            return {"flow": {"request": {"path": "/seen"}}}
            """
        try await rig.start([rig.python("slow", hooks: #"[{"name": "request", "timeout_ms": 100}]"#, body)])
        #expect(try await rig.fire(hooks.request, rig.flow(path: "/slow")).http.request.path == "/slow")
        #expect(try await rig.until { try await rig.fire(hooks.request).http.request.path == "/seen" })
        await rig.host.shutdown()
    }

    @Test("the end of the waiter ends the wait at once and sends cancel")
    func cancel() async throws {
        let rig = try Rig()
        let body = """
            if method == "cancel": print("cancelled", params["why"], flush=True)
            return False
            """
        try await rig.start([rig.python("never", hooks: #"["request"]"#, body)])
        let waiter = Waiter()
        let result = Task { try await rig.fire(TestHooks.table.request, waiter: waiter) }
        try await Task.sleep(for: .milliseconds(50))
        try await rig.loops[0].submit { waiter.end(.clientGone) }.get()
        await #expect(throws: ProxyFailure.self) { _ = try await result.value }
        #expect(await rig.until { rig.log.count(containing: "[never] cancelled client_gone") == 1 })
        await rig.host.shutdown()
    }

    @Test("answers out of order find their flows, and one slow event delays no other")
    func outOfOrder() async throws {
        let rig = try Rig()
        let worker = try rig.script(
            "reverse",
            """
            import json, os, socket
            link = socket.socket(fileno=3)
            held = []
            for line in link.makefile("rb"):
                message = json.loads(line)
                id = message.get("id")
                if message["method"] == "request":
                    held.append((id, message["params"]["flow"]["request"]["path"]))
                    if len(held) < 32: continue
                    for id, path in reversed(held):
                        link.sendall(json.dumps({"id": id, "result": {"flow": {"request": {"path": path + "!"}}}}).encode() + b"\\n")
                elif id is not None:
                    link.sendall(json.dumps({"id": id, "result": {"hooks": ["request"]}}).encode() + b"\\n")
            """)
        try await rig.start([worker])
        let paths = try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for index in 0..<32 {
                group.addTask {
                    (
                        index,
                        try await rig.fire(TestHooks.table.request, rig.flow(path: "/\(index)"), loop: index % 2).http.request
                            .path.string
                    )
                }
            }
            return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
        }
        #expect(paths == Dictionary(uniqueKeysWithValues: (0..<32).map { ($0, "/\($0)!") }))
        await rig.host.shutdown()
    }

    @Test("a worker that cannot start is one error that names it, the reason and its last words; the others are stopped")
    func startFailure() async throws {
        let rig = try Rig()
        let bad = try rig.script("broken", "import sys\nprint('booting')\nraise ValueError('no tag')")
        let good = try rig.python("good", hooks: "[]", "return {}")
        let failure = await #expect(throws: AddonFailure.self) { try await rig.start([good, bad]) }
        #expect(
            failure?.description
                == "addon 'broken': it closed the connection before it answered; its last line: ValueError: no tag",
            "\(rig.log.all)")
    }

    @Test(
        "a handshake that is refused says which member is at fault",
        arguments: [
            (#"["nosuch"]"#, "hooks[0]: there is no hook 'nosuch'"),
            (#"[{"name": "request", "filter": "~zz"}]"#, "hooks[0].filter"),
            (#"[{"name": "client", "filter": "~q"}]"#, "hooks[0].filter: 'client' carries no flow"),
        ])
    func refused(list: String, reason: String) async throws {
        let rig = try Rig()
        let failure = await #expect(throws: AddonFailure.self) {
            try await rig.start([rig.python("odd", hooks: list, "return {}")])
        }
        #expect(failure?.description.contains(reason) == true, "\(failure?.description ?? "")")
    }
}

@Suite(.serialized) struct AddonLifeTests {
    private let hooks = TestHooks.table

    @Test("start, configure and running come in this order, done comes last, and what is printed is logged")
    func lifecycle() async throws {
        let rig = try Rig()
        let worker = try rig.python(
            "life", hooks: #"["load", "configure", "running", "done", "request", "tick"]"#,
            """
            if method != "tick": print(method, sorted(params), flush=True)
            elif "ticked" not in globals():
                globals()["ticked"] = True
                print("tick", flush=True)
            """)
        try await rig.start([worker])
        await rig.host.running()
        #expect(await rig.until { rig.log.count(containing: "[life] tick") == 1 })
        _ = try await rig.fire(hooks.request)
        await rig.host.shutdown()
        #expect(
            rig.log.all.filter { !$0.contains("tick") } == [
                "info: [life] load ['attempt', 'timeout_ms']",
                "info: [life] configure ['attempt', 'options', 'timeout_ms', 'updated']",
                "info: [life] running ['attempt', 'timeout_ms']", "info: [life] request ['attempt', 'flow', 'timeout_ms']",
                "info: [life] drain []", "info: [life] done ['attempt', 'timeout_ms']",
            ])
    }

    @Test("only flows that the filter admits are sent, and observers are told without an id")
    func filters() async throws {
        let rig = try Rig()
        let list = #"[{"name": "request", "filter": "~u /yes"}, "tell", {"name": "response", "observe": True}]"#
        let worker = try rig.python(
            "filter", hooks: list,
            #"print(method, id, flow["request"]["path"], flush=True); return {"flow": {"comment": "seen"}}"#)
        try await rig.start([worker])
        #expect(try await rig.fire(hooks.request, rig.flow(path: "/no")).http.comment == "")
        #expect(try await rig.fire(hooks.request, rig.flow(path: "/yes")).http.comment == "seen")
        #expect(try await rig.fire(hooks.response, rig.flow(path: "/x")).http.comment == "")
        let port = rig.host.port(on: rig.loops[0])
        let flow = rig.flow(path: "/told")
        try await rig.loops[0].submit { port.notify(TestHooks.table.tell, flow) }.get()
        #expect(await rig.until { rig.log.count(containing: "[filter] tell None /told") == 1 }, "\(rig.log.all)")
        #expect(rig.log.count(containing: "response None /x") == 1)
        #expect(rig.log.count(containing: "/no") == 0)
        await rig.host.shutdown()
    }

    @Test(
        "a worker kills a flow by the error's message or by kill",
        arguments: [#"{"kill": True}"#, #"{"flow": {"error": {"msg": "Connection killed."}}}"#])
    func kill(result: String) async throws {
        let rig = try Rig()
        try await rig.start([rig.python("killer", hooks: #"["request"]"#, "return \(result)")])
        let error = await #expect(throws: ProxyFailure.self) { try await rig.fire(hooks.request) }
        #expect(error?.what == .killed)
        await rig.host.shutdown()
    }

    @Test("contents are left out, shown as they are, or shown without their codings, which a change puts back")
    func contents() async throws {
        let rig = try Rig()
        let list = #"[{"name": "request"}, {"name": "response", "content": "decoded"}]"#
        let body = """
            content = flow["request"]["content"]
            if method == "request": return {"flow": {"comment": str(content)}}
            return {"flow": {"comment": content, "request": {"content": content + " and more"}}}
            """
        try await rig.start([rig.python("body", hooks: list, body)])
        var payload = rig.flow()
        let packed = try ContentEncoder.encode(Array("hello".utf8), codings: [.gzip])
        payload.http.request.headers.append(name: "Content-Encoding", value: "gzip")
        payload.http.request.content = .bytes(ByteBuffer(bytes: packed))
        let none = try await rig.fire(hooks.request, payload)
        #expect(none.http.comment == "{'omitted': \(packed.count)}")
        #expect(none.http.request.content == payload.http.request.content)
        let decoded = try await rig.fire(hooks.response, payload)
        #expect(decoded.http.comment == "hello")
        let back = try #require(decoded.http.request.content.buffer)
        #expect(BodyCodings(decoded.http.request.headers).decoded(back) == ByteBuffer(string: "hello and more"))
        await rig.host.shutdown()
    }

    @Test("a filter on standard input and output is an addon")
    func jq() async throws {
        let rig = try Rig()
        let program = """
            if .method == "initialize" then {jsonrpc: "2.0", id, result: {hooks: ["request"]}}
            elif .method == "request" then
              {jsonrpc: "2.0", id, result: {flow: {request: {headers: (.params.flow.request.headers + [["x-addon", "jq"]])}}}}
            elif .id then {jsonrpc: "2.0", id, result: {}} else empty end
            """
        try await rig.start([AddonSpec(name: "jq", form: .spawn(["jq", "-c", "--unbuffered", program], isStdio: true))])
        #expect(try await rig.fire(hooks.request).header("x-addon") == ["jq"])
        await rig.host.shutdown()
    }

    @Test("a worker attaches at the socket, serves, and is forgotten when it leaves")
    func attached() async throws {
        let rig = try Rig()
        let path = "\(rig.folder)/addons.sock"
        try await rig.start([], attachedSocket: path)
        let client = try rig.script(
            "guest",
            """
            import json, os, socket, sys
            link = socket.socket(socket.AF_UNIX)
            link.connect(sys.argv[1])
            for line in link.makefile("rb"):
                message = json.loads(line)
                id = message.get("id")
                if id is None: continue
                if message["method"] == "initialize": result = {"hooks": ["request"]}
                elif "bye" in message["params"]["flow"]["request"]["path"]: sys.exit()
                else: result = {"flow": {"comment": "guest"}}
                link.sendall(json.dumps({"id": id, "result": result}).encode() + b"\\n")
            """)
        guard case .spawn(let command, _) = client.form else { return }
        let (child, ends) = try ChildProcess.start(
            command + [path], in: nil, isStdio: false, carriesDescriptors: false, name: "guest"
        ) {
            _ in
        }
        defer { child.signal(SIGKILL) }
        #expect(try await rig.until { try await rig.fire(hooks.request).http.comment == "guest" }, "\(rig.log.all)")
        _ = try await rig.fire(hooks.request, rig.flow(path: "/bye"))
        #expect(await rig.until { rig.log.count(containing: "left") == 1 }, "\(rig.log.all)")
        #expect(rig.host.port(on: rig.loops[0]) === rig.host.port(on: rig.loops[0]))
        close(ends.socket)
        close(ends.output)
        await rig.host.shutdown()
    }
}
