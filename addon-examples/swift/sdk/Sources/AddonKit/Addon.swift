import Glibc
import Synchronization

/// An addon of Weir: what it hooks, and its connection to the core. Declare first, then `await addon.run()`.
public final class Addon: Sendable {
    struct State {
        var hello: JSON = ["protocol": 1, "limits": ["max_line": .integer(Link.maximumLine)]]
        var hooks: [String: Hook] = [:]
        var commands: [String: Handler] = [:]
        var settings: JSON = [:]
        var cleanUp: (@Sendable () async -> Void)?
        var link: Link?
        var credit = 262_144
        var open: [Int: (Event, Task<Void, Never>?)] = [:]
        var bodies: [Int: Body] = [:]
        var calls: [Int: CheckedContinuation<JSON, any Error>] = [:]
        var lastCall = 0
        /// Observed events that wait their turn, with what is done with one while a task takes them one after the other.
        var observed: ArraySlice<(Event, Hook)> = []
        var isObserving = false
        var isDraining = false

        mutating func ask(_ list: String, _ entry: JSON) { hello[list] = .array((hello[list].array ?? []) + [entry]) }
    }

    let state = Mutex(State())

    public init(name: String, version: String? = nil) {
        state.withLock { state in
            state.hello["name"] = .string(name)
            if let version { state.hello["version"] = .string(version) }
        }
    }

    // MARK: Declaring

    /// Hooks an event, as the specification's section 5 says; what is left out has the default of that section. One handler for each hook.
    /// Observed events are handled one after the other, in their order; more than 1024 do not wait: those are dropped.
    /// With the content `stream`, or a preview that asks for more, `body` deals with the pieces.
    public func on(
        _ hook: String, filter: String? = nil, content: Content? = nil, decode: Bool = false, fields: [String] = [],
        observe: Bool = false, timeoutMS: Int? = nil, onFailure: String? = nil, idempotent: Bool = false, order: Int? = nil,
        _ handler: Handler? = nil, body: BodyHandler? = nil
    ) {
        var entry: JSON = ["name": .string(hook)]
        if let filter { entry["filter"] = .string(filter) }
        if let content { entry["content"] = content.value }
        if let timeoutMS { entry["timeout_ms"] = .integer(timeoutMS) }
        if let onFailure { entry["on_failure"] = .string(onFailure) }
        if let order { entry["order"] = .integer(order) }
        if !fields.isEmpty { entry["fields"] = .array(fields.map { .string($0) }) }
        for (name, isSet) in [("decode", decode), ("observe", observe), ("idempotent", idempotent)] where isSet {
            entry[name] = true
        }
        state.withLock { state in
            precondition(state.hooks[hook] == nil, "'\(hook)' has a handler already")
            state.hooks[hook] = Hook(handler: handler, body: body)
            state.ask("hooks", entry)
        }
    }

    /// Asks for the permission to make these calls.
    public func permit(_ methods: String...) {
        state.withLock { state in for method in methods { state.ask("permissions", .string(method)) } }
    }

    /// Declares a setting, whose present value is in `settings`. A handler of `configure` that throws refuses new values, which are in its
    /// event's `options`.
    public func option(_ name: String, _ type: String, default value: JSON = nil, help: String = "", choices: [String] = []) {
        var entry: JSON = ["name": .string(name), "type": .string(type), "help": .string(help)]
        if value != nil { entry["default"] = value }
        if !choices.isEmpty { entry["choices"] = .array(choices.map { .string($0) }) }
        state.withLock { state in
            state.ask("options", entry)
            state.settings[name] = value  // until `configure` says what it is
        }
    }

    /// Offers a command; its event's params have `name`, `args` and `caller`, and it returns any value.
    public func command(
        _ name: String, help: String = "", arguments: String = "", result: String = "", _ handler: @escaping Handler
    ) {
        let entry: JSON = [
            "name": .string(name), "help": .string(help), "arguments": .string(arguments), "result": .string(result),
        ]
        state.withLock { state in
            state.commands[name] = handler
            state.ask("commands", entry)
        }
    }

    /// What is to be done before the end.
    public func atEnd(_ cleanUp: @escaping @Sendable () async -> Void) { state.withLock { $0.cleanUp = cleanUp } }

    // MARK: Running

    /// The present values of options: of the addon's own, and if it hooks `configure` of the core's.
    public var settings: JSON { state.withLock { $0.settings } }
    /// The core has said that nothing new follows.
    public var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Calls the core, also from inside an event; throws `CallFailure`.
    public func call(_ method: String, _ params: JSON = [:]) async throws -> JSON {
        try await withCheckedThrowingContinuation { continuation in
            let id = state.withLock { state in
                state.lastCall += 1
                state.calls[state.lastCall] = continuation
                return state.lastCall
            }
            send(["id": .integer(id), "method": .string(method), "params": params])
        }
    }

    public func log(_ level: String, _ text: String) { notify("log", ["level": .string(level), "msg": .string(text)]) }

    /// Adds to a counter of the core; needs the permission `metrics.add`.
    public func count(_ name: String, _ value: Double = 1, labels: JSON = [:]) {
        notify("metrics.add", ["metrics": [["name": .string(name), "value": .number(value), "labels": labels]]])
    }

    func notify(_ method: String, _ params: JSON) { send(["method": .string(method), "params": params]) }

    func send(_ message: JSON) {
        var message = message
        message["jsonrpc"] = "2.0"
        var line: [UInt8] = []
        message.write(to: &line)
        line.append(0x0A)
        state.withLock { $0.link }?.send(line)
    }

    /// Serves events until the connection ends; a connection or a line that is broken ends the process with words and status 1.
    public func run() async {
        do {
            let link = try Link()
            state.withLock { state in
                state.link = link
                if state.hello.has("options"), state.hooks["configure"] == nil {
                    state.hooks["configure"] = Hook(handler: nil, body: nil)
                    state.ask("hooks", "configure")
                }
            }
            // A thread of its own waits for lines, so that none of those that run tasks does.
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                Reading { continuation.resume(with: Result { try link.read { try self.receive(JSON($0)) } }) }.start()
            }
        } catch {
            complain("AddonKit: \(error)")
            exit(1)
        }
        let (open, calls, bodies) = state.withLock { ($0.open.values, $0.calls.values, $0.bodies.values) }
        for (event, task) in open {
            event.cancel()
            task?.cancel()
        }
        for call in calls {
            call.resume(throwing: CallFailure(["code": -32009, "message": "the connection has ended", "data": ["kind": "gone"]]))
        }
        for body in bodies { body.hear("reset", ["why": "gone"]) }
        await cleanUp()
    }

    func cleanUp() async {
        let cleanUp = state.withLock { state in
            defer { state.cleanUp = nil }
            return state.cleanUp
        }
        await cleanUp?()
    }
}

/// A thread that does one thing.
private final class Reading {
    private let work: () -> Void

    init(_ work: @escaping () -> Void) { self.work = work }

    func start() {
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Reading>.fromOpaque(argument).takeRetainedValue().work()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
    }
}
