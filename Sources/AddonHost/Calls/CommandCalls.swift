import AddonWire
import NIOCore
import ProxyKernel
import Schema

/// The call by which one worker has another do something.
enum CommandCalls {
    static let table: [CoreCall] = [
        CoreCall(
            method: "command.call", params: "`name`; `args`: any value; `timeout_ms`: as long as an event's without it",
            doc:
                "Has the worker that offers the command run it: `{\"result\": …}`, what it answered. `no_command`, `gone` if that worker is down, `timeout`, `worker_error` with its own message, `conflict` for a command of one's own.",
            answer: call)
    ]

    private static let call: CoreCall.Answer = { (params, worker) throws(CallFailure) in
        let name: String = try FlowCalls.required(params, "name", "a command's name")
        var timeout = worker.bounds.eventTimeout
        if let given = params["timeout_ms"], given != .null {
            guard let milliseconds = given.int, milliseconds > 0 else {
                throw .missing("timeout_ms: expected milliseconds above 0, found \(given.kind)")
            }
            timeout = min(Int64(milliseconds), max(timeout, worker.bounds.link.maximumExtension))
        }
        guard let callee = worker.host.commands.provider(of: name) else {
            throw CallFailure(code: -32015, kind: "no_command", message: "no addon offers the command '\(name)'")
        }
        // While it waits for the answer it may not read the question.
        guard callee.addon !== worker.addon else { throw .conflict("the command '\(name)' is the worker's own") }
        return callee.run(name, params["args"] ?? .null, caller: worker.name, timeout: timeout).map { ["result": $0] }
    }
}

extension Worker {
    /// Has the worker run a command that it offers. From any loop; fails with a `CallFailure`.
    func run(_ command: String, _ arguments: JSON, caller: String, timeout: Int64) -> EventLoopFuture<JSON> {
        loop.flatSubmit { [self] in
            guard let life, life.isReady, life.end == nil, let link = life.link else {
                return loop.makeFailedFuture(
                    CallFailure(code: -32009, kind: "gone", message: "addon '\(name)', which offers '\(command)', is down"))
            }
            let message = LinkMessage("command", capacity: 512) { writer in
                writer.key("name")
                writer.string(command)
                writer.key("args")
                writer.value(arguments)
                writer.key("caller")
                writer.string(caller)
                writer.key("timeout_ms")
                writer.int(Int(timeout))
            }
            let promise = loop.makePromise(of: JSON.self)
            link.submit(
                message, timeout: timeout,
                EventTicket(policy: .continue, on: link.loop) { [name] answer in
                    promise.completeWith(answer.mapError { CallFailure.command(command, name, $0) })
                })
            return promise.futureResult
        }
    }
}

extension CallFailure {
    static func command(_ command: String, _ worker: String, _ failure: LinkFailure) -> CallFailure {
        let (code, kind) =
            switch failure.cause {
            case .timeout: (-32007, "timeout")
            case .overload: (-32010, "overloaded")
            case .tooLarge: (-32006, "too_large")
            case .workerError, .badReply: (-32000, "worker_error")
            case .start, .handshake, .crash, .breakerOpen: (-32009, "gone")
            }
        return CallFailure(code: code, kind: kind, message: "addon '\(worker)', command '\(command)': \(failure.note)")
    }
}
