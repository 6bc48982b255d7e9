import AddonHost
import AddonWire
import Schema

/// Drives a worker from a transcript: sends what the core had sent, in order, and compares what comes with what had come. Blocks; one
/// thread's.
public final class Rerun {
    /// Something that was otherwise, at a line of the transcript.
    public struct Difference: Sendable, Equatable {
        public let line: Int
        public let text: String
    }

    private let steps: [Transcript.Step]
    private let comparison: Comparison
    /// Milliseconds in which each line is expected.
    private let patience: Int64
    private let session: WorkerSession
    /// The worker's ids of its calls, by those that were recorded.
    private var callIDs: [JSON: JSON] = [:]
    private var differences: [Difference] = []
    /// Answers that were compared.
    public private(set) var compared = 0

    /// Of a transcript's first connection.
    public init(_ transcript: Transcript, worker: LoneWorker, isLoose: Bool, patience: Int64) {
        let first = transcript.steps.first?.connection
        steps = transcript.steps.filter { $0.connection == first }
        comparison = Comparison(isLoose: isLoose)
        self.patience = patience
        session = WorkerSession(worker, limits: LinkLimits(), calls: CallAnswers(methods: [], options: [:]))
        session.dialogue.keepsCalls = true
    }

    /// Runs it to its end, or to the first thing without which there is no going on.
    public func run() -> [Difference] {
        let isWhole = steps.first?.message["method"] == "initialize"
        if !isWhole, !greet() { return differences }
        for step in steps {
            let goesOn = step.side == .core ? send(step) : expect(step)
            if let breach = session.dialogue.takeBreach() { note(step.line, breach.failure.description) }
            guard goesOn, !session.dialogue.isOver else {
                if session.dialogue.isOver { note(step.line, "expected the worker to go on; \(session.obituary)") }
                break
            }
        }
        _ = session.close(within: 2000)
        return differences
    }

    private func note(_ line: Int, _ text: String) { differences.append(Difference(line: line, text: text)) }

    /// A transcript that begins in the middle lacks the handshake.
    private func greet() -> Bool {
        let initialize = InitializeRequest(
            coreName: AddonHost.coreName, coreVersion: AddonHost.coreVersion, workerID: "replay.0.1", workerName: "replay",
            limits: LinkLimits(), options: [:], capabilities: [.stream, .preview])
        // An id that the transcript will not use.
        let id = (1 << 52) + 1
        _ = session.dialogue.request(
            Message("initialize", initialize.message), id: id, owner: "", patience: patience, now: session.now)
        guard session.wait(until: session.now + patience, for: { $0.requests[id]?.answer != nil }) else {
            note(1, "expected an answer to 'initialize' within \(patience) ms; found none")
            return false
        }
        session.dialogue.notify(Message("initialized", ["hooks": [], "permissions": [], "refused": [], "redacted": []]))
        return true
    }

    /// Whether it could be sent.
    private func send(_ step: Transcript.Step) -> Bool {
        guard let method = step.message["method"]?.string else { return reply(step) }
        let message = Message(method, step.message["params"]?.object ?? [:])
        guard let id = step.message["id"]?.int else {
            session.dialogue.notify(message)
            return true
        }
        guard session.dialogue.requests[id] == nil else { return true }
        _ = session.dialogue.request(message, id: id, owner: "", patience: patience, now: session.now)
        return true
    }

    /// The core's answer to a call that the worker has made.
    private func reply(_ step: Transcript.Step) -> Bool {
        guard var answer = step.message.object, let id = answer["id"], let own = callIDs[id] else { return true }
        answer["id"] = own
        session.dialogue.send(JSON.object(answer).encoded + [0x0A])
        return true
    }

    /// Whether what was recorded came, like it or not.
    private func expect(_ step: Transcript.Step) -> Bool {
        let deadline = session.now + patience
        if let method = step.message["method"]?.string {
            let isCall = step.message["id"] != nil
            guard session.wait(until: deadline, for: { $0.hasHeard(method, isCall: isCall) }),
                let heard = session.dialogue.takeHeard(method, isCall: isCall)
            else {
                note(step.line, "expected '\(method)' within \(patience) ms; found none")
                return false
            }
            if let recorded = step.message["id"], let own = heard.id { callIDs[recorded] = own }
            compare(step, step.message["params"] ?? [:], heard.params, "\(method): params")
            return true
        }
        guard let id = step.message["id"]?.int, let request = session.dialogue.requests[id] else { return true }
        guard session.wait(until: deadline, for: { $0.requests[id]?.answer != nil }) else {
            note(step.line, "expected an answer to '\(request.method)' within \(patience) ms; found none")
            return false
        }
        compared += 1
        switch session.dialogue.requests[id]?.answer {
        case .result(_, let result)?:
            if let error = step.message["error"], error != .null {
                note(
                    step.line,
                    "\(request.method): expected the error \(String(decoding: error.encoded, as: UTF8.self)); found a result")
            } else {
                compare(step, step.message["result"] ?? .null, result, "\(request.method): result")
            }
        case .error(_, let code, let message)?:
            guard let error = step.message["error"], error != .null else {
                note(step.line, "\(request.method): expected a result; found error \(code): \(message)")
                return true
            }
            compare(step, error, ["code": .int(code), "message": .string(message)], "\(request.method): error")
        default: break
        }
        return true
    }

    private func compare(_ step: Transcript.Step, _ recorded: JSON, _ found: JSON, _ what: String) {
        var recorded = recorded
        // Only these two of an error are kept here.
        if what.hasSuffix(": error"), var object = recorded.object {
            object["data"] = nil
            recorded = .object(object)
        }
        for difference in comparison.differences(recorded, found) {
            let place = difference.path.isEmpty ? what : "\(what).\(difference.path)"
            note(step.line, "\(place): expected \(difference.expected); found \(difference.found)")
        }
    }
}
