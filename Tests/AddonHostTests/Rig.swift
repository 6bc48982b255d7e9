import FlowModel
import Foundation
import Logging
import NIOCore
import NIOPosix
import ProxyKernel
import Schema
import Synchronization

@testable import AddonHost

/// Carries a flow, as the HTTP hooks' payload does.
struct FlowCarrier: HookPayload {
    var http: HTTPFlow

    var flow: HTTPFlow? {
        get { http }
        set { if let newValue { http = newValue } }
    }

    static let name = "FlowCarrier"
    static let doc = "Carries a flow."
    static let blank = FlowCarrier(http: .blank)
    static let fields: [Field<FlowCarrier>] = [Field("flow", \.http, "The flow.")]
}

struct TestHooks: HookTable {
    let request = Hook<FlowCarrier>("request", "A request.")
    let response = Hook<FlowCarrier>("response", "A response.")
    let tell = Hook<FlowCarrier>("tell", pauses: false, "Nobody waits.")
    let client = Hook<ClientEvent>("client", "A client.")
    static let table = TestHooks()
}

/// Collects what the host logs.
struct LogStore: LogHandler {
    final class Lines: Sendable {
        let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func count(containing text: String) -> Int { all.count { $0.contains(text) } }
    }
    let store: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
    func log(event: Logging.LogEvent) { store.lines.withLock { $0.append("\(event.level): \(event.message)") } }
}

/// A host with workers written in Python for one test, in a folder of its own.
final class Rig: Sendable {
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    let loops = Rig.group.makeIterator().map { $0 as any EventLoop }
    let folder: String
    let log = LogStore.Lines()
    let host: AddonHost

    init(_ settings: [String: String] = [:]) throws {
        folder = "/tmp/weir-addons-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let options = OptionStore(AddonOptions.table.options)
        // Where the unit tests run, weir-cage is not beside the program.
        try options.assign([OptionAssignment("addon_level", texts: ["trusted"], source: "test")])
        try options.assign(settings.map { OptionAssignment($0.key, texts: [$0.value], source: "test") })
        let store = log
        host = AddonHost(
            loops: loops, hooks: TestHooks.table.hooks + LifecycleHooks.table.hooks, options: options,
            logger: Logger(label: "test") { _ in LogStore(store: store) }, flows: FlowRegistry(maximumCount: 0, maximumBytes: 0))
    }

    /// Starts addons as the program does.
    func start(_ addons: [AddonSpec], attachedSocket: String? = nil) async throws(AddonFailure) {
        try await host.launch(addons)
        try await host.start(attachedSocket: attachedSocket)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// A worker that answers each event with what `body` returns; `body` sees `method`, `params` and `flow`, and `hooks` is
    /// Python text.
    func python(_ name: String, hooks: String, _ body: String, limits: String = "{}") throws -> AddonSpec {
        let lines = body.split(separator: "\n", omittingEmptySubsequences: false).map { "    " + $0 }.joined(separator: "\n")
        return try script(
            name,
            """
            import json, os, sys, time, socket
            link = socket.socket(fileno=int(os.environ["WEIR_ADDON_FD"]))
            reader = link.makefile("rb")
            def send(value): link.sendall(json.dumps(value).encode() + b"\\n")
            def answer(method, params):
                flow = params.get("flow")
            \(lines)
            for line in reader:
                message = json.loads(line)
                method, params, id = message.get("method"), message.get("params", {}), message.get("id")
                if method == "initialize":
                    send({"jsonrpc": "2.0", "id": id, "result": {"protocol": 1, "hooks": \(hooks), "limits": \(limits)}})
                    continue
                result = answer(method, params) if method not in ("initialized", "shutdown", "ping") else None
                if id is not None and result is not False: send({"jsonrpc": "2.0", "id": id, "result": result or {}})
            """)
    }

    func script(_ name: String, _ text: String) throws -> AddonSpec {
        let path = "\(folder)/\(name).py"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return try AddonSpec.parse(path)
    }

    func flow(path: String = "/") -> FlowCarrier {
        var flow = HTTPFlow(id: "flow-1", client: Frozen(.blank), server: Frozen(.blank), timestampCreated: 1)
        flow.request.host = "example.org"
        flow.request.port = 80
        flow.request.path = ByteString(path)
        flow.request.headers.append(name: "Host", value: "example.org")
        return FlowCarrier(http: flow)
    }

    /// Fires on one of the loops, as an exchange would, and applies what came of it.
    func fire(
        _ hook: Hook<FlowCarrier>, _ payload: FlowCarrier? = nil, loop index: Int = 0, waiter: Waiter? = nil
    ) async throws -> FlowCarrier {
        let loop = loops[index]
        let port = host.port(on: loop)
        let payload = payload ?? flow()
        return try await Task(executorPreference: OnLoop(loop)) { () async throws -> FlowCarrier in
            var live = payload
            try await port.fire(hook, payload, waiter: waiter).apply(to: &live)
            return live
        }.value
    }

    /// Waits until `condition` holds, at most five seconds.
    func until(_ condition: () async throws -> Bool) async rethrows -> Bool {
        let end = ContinuousClock.now + .seconds(5)
        while ContinuousClock.now < end {
            if try await condition() { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}

extension FlowCarrier {
    /// The values of the request's header of that name.
    func header(_ name: String) -> [String] {
        (0..<http.request.headers.count).filter { http.request.headers.name(at: $0).equalsIgnoringCase(name) }
            .map { http.request.headers.value(at: $0).string }
    }
}
