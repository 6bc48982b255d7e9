import AddonWire
import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// One body on its way through a worker: who may send how much, who has ended, and what a failure costs.
///
/// The original is `flowing` to the worker; `ended` there; `stopping`, when the worker was told that it gets no more, as it wished;
/// `stopped`, since the worker has made an end of its own; or `passing` the worker by. The stream is over when the worker has ended its body,
/// when either side failed, or when no use is made of it; only a body that passes goes on then.
///
/// Rules: the worker is sent no more than its credit, and sends no more than ours. What was sent before its first sign of life is kept, so
/// that under the policy `continue` a worker that fails then costs nothing; later a failure breaks the body off. What comes when the stream
/// is over is ignored. Lines, timers and pipes are left to `WorkerStream`.
public struct StreamCore {
    public enum Action: Equatable, Sendable {
        /// To the worker.
        case sendData(ByteBuffer)
        case sendCredit(Int)
        case sendEnd(trailers: Headers?, isDetached: Bool)
        case sendReset(String)
        /// To the body's receiver.
        case deliver(ByteBuffer)
        case deliverEnd(trailers: Headers?)
        case deliverFailure(String)
        /// The worker failed; for the log.
        case report(LinkFailure)
        /// The worker has no more to do with it: the number is free.
        case over
    }

    private enum Original { case flowing, ended, stopping, stopped, passing }

    /// The most that one piece from a worker should have, so that it never waits for more credit than there can be.
    static func largestPiece(_ window: Int) -> Int { window / 2 }

    private let policy: FailurePolicy
    private let timeout: Int64
    private let window: Int
    private var original = Original.flowing
    public private(set) var isOver = false
    /// What the worker still takes, and what it may still send.
    private var credit: Int
    private var allowance: Int
    /// Output that was delivered and not yet allowed anew.
    private var spent = 0
    /// Read from the original and not yet sent.
    private var queue = ByteBuffer()
    /// What the original ended with, if it has.
    private var trailers: Headers??
    /// Sent before the worker's first sign; nil afterwards, and if it would not be used.
    private var sent: ByteBuffer?
    private var receiverIsReady = true
    /// When the worker, which owes something, will have failed.
    public private(set) var deadline: Int64?

    public init(policy: FailurePolicy, timeout: Int64, window: Int) {
        self.policy = policy
        self.timeout = timeout
        self.window = window
        credit = window
        allowance = window
        if policy == .continue { sent = ByteBuffer() }
    }

    /// Whether more of the original is welcome.
    public var takesBody: Bool {
        switch original {
        case .flowing: queue.readableBytes == 0 && credit > 0
        case .stopping: false
        case .passing: receiverIsReady
        case .ended, .stopped: true
        }
    }

    // MARK: The original

    public mutating func body(_ bytes: ByteBuffer, now: Int64) -> [Action] {
        switch original {
        case .flowing, .stopping:
            if queue.readableBytes == 0 { queue = bytes } else { queue.writeImmutableBuffer(bytes) }
            return settle(pump(), now: now)
        case .passing: return [.deliver(bytes)]
        case .ended, .stopped: return []
        }
    }

    public mutating func bodyEnded(trailers: Headers?, now: Int64) -> [Action] {
        self.trailers = .some(trailers)
        return original == .passing ? [.deliverEnd(trailers: trailers)] : settle(pump(), now: now)
    }

    /// The original broke off; `why` is a stable word.
    public mutating func bodyFailed(_ note: String, why: String) -> [Action] {
        if original == .passing { return [.deliverFailure(note)] }
        guard !isOver else { return [] }
        end(.stopped)
        return [.sendReset(why), .deliverFailure(note), .over]
    }

    // MARK: The worker

    public mutating func received(_ method: String, _ params: JSON, now: Int64) -> [Action] {
        do throws(StateRefusal) {
            guard let notice = try StreamNotice(method, params) else { return [] }
            return received(notice, now: now)
        } catch {
            let what = "\(method): \(error)"
            // A part of its body may have been meant; anything else has done nothing yet.
            return method == StreamNotice.piece ? broken(what) : lost(LinkFailure(.badReply, what))
        }
    }

    mutating func received(_ notice: StreamNotice, now: Int64) -> [Action] {
        guard !isOver else { return [] }
        deadline = nil
        switch notice {
        case .data(let bytes):
            guard bytes.readableBytes <= allowance else {
                return broken("it sent \(bytes.readableBytes) bytes where it had credit for \(allowance)")
            }
            guard bytes.readableBytes > 0 else { return settle([], now: now) }
            sent = nil
            allowance -= bytes.readableBytes
            spent += bytes.readableBytes
            return settle([.deliver(bytes)] + allowAnew(), now: now)
        case .credit(let more):
            if more > 0 { sent = nil }
            credit = min(credit + more, StreamNotice.maximumCredit)
            return settle(pump(), now: now)
        case .detach:
            guard original == .flowing else { return settle([], now: now) }
            original = .stopping
            return settle([.sendEnd(trailers: nil, isDetached: true)], now: now)
        case .end(let new): return finished(new)
        case .failed(let reason): return lost(LinkFailure(.workerError, "it gave up: \(reason)"))
        }
    }

    /// The worker has broken the rules about its body.
    mutating func broken(_ what: String) -> [Action] {
        sent = nil
        return lost(LinkFailure(.badReply, what))
    }

    /// The worker failed.
    public mutating func lost(_ failure: LinkFailure) -> [Action] {
        guard !isOver else { return [] }
        var actions: [Action] = [.report(failure)]
        switch failure.cause {
        case .crash: break
        case .timeout: actions.append(.sendReset("timeout"))
        default: actions.append(.sendReset("bad_message"))
        }
        guard let sent else {
            end(.stopped)
            return actions + [.deliverFailure("\(failure)"), .over]
        }
        // Nothing has come of it yet: the body goes on as it was.
        return actions + pass([sent, queue]) + [.over]
    }

    /// No stream came of the event that announced it.
    public mutating func dropped(tells: Bool) -> [Action] {
        guard !isOver else { return [] }
        end(.stopped)
        return (tells ? [.sendReset("not_opened")] : []) + [.over]
    }

    // MARK: The receiver, and time

    public mutating func receiver(isReady: Bool, now: Int64) -> [Action] {
        receiverIsReady = isReady
        return isOver ? [] : settle(allowAnew(), now: now)
    }

    public mutating func tick(now: Int64) -> [Action] {
        guard let deadline, deadline <= now else { return [] }
        return lost(LinkFailure(.timeout, "nothing of its stream came within \(timeout) ms"))
    }

    // MARK: Inside

    private mutating func pump() -> [Action] {
        guard original == .flowing else { return [] }
        var actions: [Action] = []
        while credit > 0, queue.readableBytes > 0, let piece = queue.readSlice(length: min(credit, queue.readableBytes)) {
            credit -= piece.readableBytes
            sent?.writeImmutableBuffer(piece)
            actions.append(.sendData(piece))
        }
        if queue.readableBytes == 0, let trailers {
            original = .ended
            actions.append(.sendEnd(trailers: trailers, isDetached: false))
        }
        return actions
    }

    /// Gives the worker anew what its receiver has taken, in pieces that are worth a line.
    private mutating func allowAnew() -> [Action] {
        guard receiverIsReady, spent >= window / 8 else { return [] }
        defer { spent = 0 }
        allowance += spent
        return [.sendCredit(spent)]
    }

    private mutating func finished(_ new: Headers??) -> [Action] {
        if original == .stopping { return pass([queue]) + [.over] }
        let last = new ?? (trailers ?? nil)
        end(.stopped)
        return [.deliverEnd(trailers: last), .over]
    }

    /// From here on the original goes past the worker, these bytes first.
    private mutating func pass(_ bytes: [ByteBuffer]) -> [Action] {
        end(.passing)
        let actions = bytes.filter { $0.readableBytes > 0 }.map { Action.deliver($0) }
        guard let trailers else { return actions }
        return actions + [.deliverEnd(trailers: trailers)]
    }

    private mutating func end(_ state: Original) {
        original = state
        isOver = true
        deadline = nil
        queue = ByteBuffer()
        sent = nil
    }

    /// Sets the deadline if the worker owes something and is free to give it.
    private mutating func settle(_ actions: [Action], now: Int64) -> [Action] {
        // Without credit nothing more of the original is read, so that nobody can know whether there is more.
        let owes = original == .flowing ? credit == 0 : original == .ended || original == .stopping
        if !owes || !receiverIsReady { deadline = nil } else if deadline == nil { deadline = now + timeout }
        return actions
    }
}
