import AddonHost
import AddonWire
import FlowModel
import NIOCore
import Schema

/// One body on its way through the worker, sent and judged as the core does it. Blocks; confined to one thread.
final class StreamedBody {
    /// What the original ends with.
    enum Ending { case trailers(Headers?), broken }

    let number: Int
    private var core: StreamCore
    private var pieces: [ByteBuffer]
    private let ending: Ending
    private var hasEnded = false
    /// Whether the body's receiver takes what the worker sends.
    private(set) var isTaken: Bool
    /// Bytes of the worker's own.
    private(set) var received = 0
    /// What it failed with, if it did.
    private(set) var failure: LinkFailure?

    init(
        _ number: Int, _ pieces: [ByteBuffer], ending: Ending = .trailers(nil), isTaken: Bool = true, timeout: Int64, window: Int
    ) {
        self.number = number
        self.pieces = pieces
        self.ending = ending
        self.isTaken = isTaken
        core = StreamCore(policy: .continue, timeout: timeout, window: window)
    }

    var isOver: Bool { core.isOver }
    var deadline: Int64? { core.deadline }

    /// Sends of the original what is welcome.
    func feed(_ dialogue: inout Dialogue, now: Int64) {
        while core.takesBody, !core.isOver, !pieces.isEmpty {
            perform(core.body(pieces.removeFirst(), now: now), &dialogue)
        }
        guard pieces.isEmpty, !hasEnded, !core.isOver else { return }
        hasEnded = true
        switch ending {
        case .trailers(let trailers): perform(core.bodyEnded(trailers: trailers, now: now), &dialogue)
        case .broken: perform(core.bodyFailed("the client has left", why: "client_gone"), &dialogue)
        }
    }

    func heard(_ method: String, _ params: JSON, _ dialogue: inout Dialogue, now: Int64) {
        perform(core.received(method, params, now: now), &dialogue)
    }

    func tick(_ dialogue: inout Dialogue, now: Int64) { perform(core.tick(now: now), &dialogue) }

    /// The receiver is there from now on.
    func take(_ dialogue: inout Dialogue, now: Int64) {
        isTaken = true
        perform(core.receiver(isReady: true, now: now), &dialogue)
    }

    /// The receiver is not there yet.
    func holdUp(_ dialogue: inout Dialogue, now: Int64) { perform(core.receiver(isReady: false, now: now), &dialogue) }

    /// Nothing comes of the event that announced it.
    func drop(tells: Bool, _ dialogue: inout Dialogue) { perform(core.dropped(tells: tells), &dialogue) }

    private func perform(_ actions: [StreamCore.Action], _ dialogue: inout Dialogue) {
        for action in actions {
            switch action {
            case .sendData(let bytes): notify("data", ["data": ByteString(bytes.readableBytesView).wireJSON], &dialogue)
            case .sendCredit(let count): notify("credit", ["bytes": .int(count)], &dialogue)
            case .sendEnd(let trailers, let isDetached):
                notify("end", isDetached ? ["detached": true] : ["trailers": trailers.wireJSON], &dialogue)
            case .sendReset(let why): notify("reset", ["why": .string(why)], &dialogue)
            // Behind a failure it is the original that passes.
            case .deliver(let bytes): received += failure == nil ? bytes.readableBytes : 0
            case .deliverEnd, .deliverFailure, .over: break
            case .report(let failure): self.failure = failure
            }
        }
    }

    private func notify(_ name: String, _ params: JSONObject, _ dialogue: inout Dialogue) {
        var params = params
        params["s"] = .int(number)
        dialogue.notify(Message(StreamNotice.prefix + name, params))
    }
}

extension Checkup {
    /// Moves the bodies through the worker until each is over; fails where it broke the rules of section 16.
    func drive(
        _ bodies: [StreamedBody], in session: WorkerSession, what: String, while held: (() -> Void)? = nil
    ) throws(CaseFailure) {
        var held = held
        for body in bodies where !body.isTaken { body.holdUp(&session.dialogue, now: session.now) }
        while bodies.contains(where: { !$0.isOver }) {
            for body in bodies { body.feed(&session.dialogue, now: session.now) }
            let due = bodies.compactMap(\.deadline).min() ?? session.now + 1000
            let moved = session.turn(atMost: max(1, min(due - session.now, held == nil ? 1000 : 150)))
            for (method, params) in session.dialogue.take(StreamNotice.prefix) {
                guard let body = bodies.first(where: { $0.number == StreamNotice.number(params) }) else { continue }
                body.heard(method, params, &session.dialogue, now: session.now)
            }
            if !moved, let release = held {
                held = nil
                release()
                for body in bodies where !body.isTaken { body.take(&session.dialogue, now: session.now) }
            }
            for body in bodies { body.tick(&session.dialogue, now: session.now) }
            try checkBreach()
            guard !session.dialogue.isOver else {
                throw CaseFailure(expected: "the worker to go on with \(what)", found: session.obituary)
            }
        }
        for body in bodies {
            guard let failure = body.failure, failure.cause != .workerError else { continue }
            throw CaseFailure(expected: what, found: "\(failure.note), after \(body.received) bytes of its own")
        }
        session.settle(quietFor: 0, until: session.now + 1000)
    }
}
