import Dispatch
import Glibc
import Synchronization

/// Returns what changes, the `result` of the specification's section 7: nil for nothing. Throws the event's error.
public typealias Handler = @Sendable (Event) async throws -> JSON?

/// Deals with a body in parts, behind the answer to its event. The new body ends when this returns, and breaks off when
/// it throws.
public typealias BodyHandler = @Sendable (Event, Body) async throws -> Void

/// An addon of Weir: what it hooks, and its connection to the core. Declare first, then `await addon.run()`.
public final class Addon: Sendable {
    typealias Hook = (handler: Handler?, body: BodyHandler?)

    struct State {
        var hello: JSON = ["protocol": 1, "limits": ["max_line": .integer(Link.maximumLine)]]
        var hooks: [String: Hook] = ["shutdown": (nil, nil)]
        var commands: [String: Hook] = [:]
        var settings: JSON = [:]
        var link: Link?
        var credit = 262_144
        var open: [Int: Event] = [:]
        var bodies: [Int: Body] = [:]
        var calls: [Int: CheckedContinuation<JSON, any Error>] = [:]
        var lastCall = 0

        mutating func declare(_ list: String, _ name: String, _ members: JSON) {
            var entry = members
            entry["name"] = .string(name)
            hello[list] = .array((hello[list].array ?? []) + [entry])
        }
    }

    static let gone: JSON = ["code": -32009, "message": "the connection has ended", "data": ["kind": "gone"]]

    let state = Mutex(State())
    let observed = AsyncStream.makeStream(of: (Event, Hook).self, bufferingPolicy: .bufferingOldest(1024))

    public init(name: String, version: String? = nil) {
        state.withLock { state in
            state.hello["name"] = .string(name)
            if let version { state.hello["version"] = .string(version) }
        }
    }

    // MARK: Declaring

    /// Hooks an event, with the members of the specification's section 5, which are sent as they are. One handler for
    /// each hook. Observed events are handled one after the other, in their order; more than 1024 do not wait: those
    /// are dropped. With the content `stream`, or a preview that asks for more, `body` deals with the pieces.
    public func on(_ hook: String, _ members: JSON = [:], _ handler: Handler? = nil, body: BodyHandler? = nil) {
        state.withLock { state in
            precondition(state.hooks[hook] == nil, "'\(hook)' has a handler already")
            state.hooks[hook] = (handler, body)
            state.declare("hooks", hook, members)
        }
    }

    /// Asks for the permission to make these calls.
    public func permit(_ methods: String...) {
        let asked = methods.map(JSON.string)
        state.withLock { $0.hello["permissions"] = .array(($0.hello["permissions"].array ?? []) + asked) }
    }

    /// Declares a setting, with the members `default`, `help` and `choices`; its present value is in `settings`. A
    /// handler of `configure` that throws refuses new values, which are in its event's `options`.
    public func option(_ name: String, _ type: String, _ members: JSON = [:]) {
        var entry = members
        entry["type"] = .string(type)
        state.withLock { state in
            state.declare("options", name, entry)
            state.settings[name] = members["default"]  // until `configure` says what it is
        }
    }

    /// Offers a command, with the members `help`, `arguments` and `result`; its event's params have `name`, `args` and
    /// `caller`, and it returns any value.
    public func command(_ name: String, _ members: JSON = [:], _ handler: @escaping Handler) {
        state.withLock { state in
            state.commands[name] = (handler, nil)
            state.declare("commands", name, members)
        }
    }

    /// What is to be done before the end.
    public func atEnd(_ handler: @escaping Handler) { state.withLock { $0.hooks["shutdown"] = (handler, nil) } }

    // MARK: Running

    /// The present values of options: of the addon's own, and if it hooks `configure` of the core's.
    public var settings: JSON { state.withLock { $0.settings } }

    /// Calls the core, also from inside an event; throws `CallFailure`.
    public func call(_ method: String, _ params: JSON = [:]) async throws -> JSON {
        try await withCheckedThrowingContinuation { continuation in
            let id = state.withLock { state in
                state.lastCall += 1
                state.calls[state.lastCall] = continuation
                return state.lastCall
            }
            let isSent = send(["id": .integer(id), "method": .string(method), "params": params])
            if !isSent { answered(id, ["error": Self.gone]) }
        }
    }

    public func log(_ level: String, _ text: String) { notify("log", ["level": .string(level), "msg": .string(text)]) }

    /// Adds to a counter of the core; needs the permission `metrics.add`.
    public func count(_ name: String, _ value: Double = 1, labels: JSON = [:]) {
        notify("metrics.add", ["metrics": [["name": .string(name), "value": .number(value), "labels": labels]]])
    }

    func notify(_ method: String, _ params: JSON) { send(["method": .string(method), "params": params]) }

    /// Whether there is a connection to send to.
    @discardableResult
    func send(_ message: JSON) -> Bool {
        var message = message
        message["jsonrpc"] = "2.0"
        var line: [UInt8] = []
        message.write(to: &line)
        line.append(0x0A)
        return state.withLock { $0.link }?.send(line) != nil
    }

    /// Serves events until the connection ends; a connection or a line that is broken ends the process with words and
    /// status 1.
    public func run() async {
        if state.withLock({ $0.hello.has("options") && $0.hooks["configure"] == nil }) { on("configure") }
        Task { for await (event, hook) in observed.stream { await serve(event, hook) } }
        do {
            let link = try Link()
            state.withLock { $0.link = link }
            // A thread of its own waits for lines, so that none of those that run tasks does.
            try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Void, any Error>) in
                DispatchQueue(label: "AddonKit").async {
                    ended.resume(with: Result { try link.read { try self.receive(JSON(line: $0)) } })
                }
            }
        } catch {
            complain("AddonKit: \(error)")
            exit(1)
        }
        await end()
    }
}
