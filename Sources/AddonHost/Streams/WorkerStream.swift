import AddonWire
import FlowModel
import NIOCore
import ProxyKernel
import Schema
import Synchronization

/// A worker as a stage in a body's way: moves bytes between the pipes and the worker's lines, as a `StreamCore` says.
///
/// Confined to the loop of its session; the connection may live on another.
final class WorkerStream: BodyStage, @unchecked Sendable {
    private static let numbers = Atomic(0)
    /// What one line carries of the body at most, as far as the worker takes lines as long as that.
    private static let pieceSize = 64 << 10

    let number: Int
    private let loop: any EventLoop
    private let link: WorkerLink
    private let subscription: Subscription
    private let lineLimit: Int
    private var core: StreamCore
    private(set) lazy var output = BodyPipe { [weak self] reads in self?.receiver(isReady: reads) }
    weak var feeding: (any BodySource)?
    private var tookBody = true
    /// The beginning of a character whose end has not come yet.
    private var carried = ByteBuffer()
    /// What is hidden of the trailers that the worker was shown.
    private var hidden: Placeholders?
    private var alarm: (time: Int64, scheduled: Scheduled<Void>)?

    init(to link: WorkerLink, _ subscription: Subscription, on loop: any EventLoop, limits: LinkLimits) {
        number = Self.numbers.add(1, ordering: .relaxed).newValue
        self.loop = loop
        self.link = link
        self.subscription = subscription
        lineLimit = limits.workerLine
        core = StreamCore(policy: subscription.policy, timeout: subscription.timeout, window: limits.streamCredit)
    }

    // MARK: The original

    var takesBody: Bool { core.takesBody }
    func body(_ bytes: ByteBuffer) { perform(core.body(bytes, now: MonotonicClock.now)) }
    func bodyEnded(trailers: Headers?) { perform(core.bodyEnded(trailers: trailers, now: MonotonicClock.now)) }

    func bodyFailed(_ failure: ProxyFailure) {
        original = failure
        perform(core.bodyFailed(failure.note, why: failure.fault == .client ? "client_gone" : "broken"))
    }

    /// What the original failed with.
    private var original: ProxyFailure?

    // MARK: The worker

    /// From any loop.
    func received(_ method: String, _ params: JSON) {
        guard loop.inEventLoop else { return loop.execute { self.received(method, params) } }
        do throws(StateRefusal) {
            perform(core.received(method, try restored(params), now: MonotonicClock.now))
        } catch {
            subscription.worker.violated(at: error)
            perform(core.broken("\(method): \(error)"))
        }
    }

    /// The connection is over; from any loop.
    func lost(_ failure: LinkFailure) {
        guard loop.inEventLoop else { return loop.execute { self.lost(failure) } }
        perform(core.lost(failure))
    }

    /// Nothing comes of the event that announced it; `tells` if the worker cannot know.
    func drop(tells: Bool) { perform(core.dropped(tells: tells)) }

    // MARK: Inside

    private func receiver(isReady: Bool) { perform(core.receiver(isReady: isReady, now: MonotonicClock.now)) }

    private func perform(_ actions: [StreamCore.Action]) {
        for action in actions {
            switch action {
            case .sendData(let bytes): send(bytes)
            case .sendCredit(let count):
                post("stream.credit") {
                    $0.key("bytes")
                    $0.int(count)
                }
            case .sendEnd(let trailers, let isDetached):
                sendCarried()
                post("stream.end") { writer in
                    writer.key(isDetached ? "detached" : "trailers")
                    if isDetached { writer.bool(true) } else { writer.value(shown(trailers)) }
                }
            case .sendReset(let why):
                post("stream.reset") {
                    $0.key("why")
                    $0.string(why)
                }
            case .deliver(let bytes): output.received(bytes)
            case .deliverEnd(let trailers): output.ended(trailers: trailers)
            case .deliverFailure(let note): output.failed(original ?? failure(note))
            case .report(let failure):
                // The end of a connection has its own line in the log.
                if failure.cause != .crash { subscription.worker.host.trouble(subscription, failure) }
            case .over: link.forget(number)
            }
        }
        followUp()
    }

    private func shown(_ trailers: Headers?) -> JSON {
        guard let redaction = subscription.worker.grants.redaction, let side = subscription.side else { return trailers.wireJSON }
        let (shown, hidden) = redaction.hide(trailers: trailers, of: side, name: "stream \(number)")
        self.hidden = hidden
        return shown
    }

    /// What the worker says with the true values in the trailers that it names.
    private func restored(_ params: JSON) throws(StateRefusal) -> JSON {
        guard let redaction = subscription.worker.grants.redaction, let side = subscription.side, let hidden,
            var object = params.object, let trailers = object["trailers"]
        else { return params }
        object["trailers"] = try redaction.restore(trailers: trailers, of: side, hidden)
        return .object(object)
    }

    private func failure(_ note: String) -> ProxyFailure {
        // Whoever kills does it without a word.
        ProxyFailure(
            subscription.policy == .continue ? .closed : .worker, fault: .worker,
            "addon '\(subscription.worker.name)' failed in the middle of the body of '\(subscription.name)': \(note)")
    }

    /// Tells the original's source when it is welcome again, and keeps the time.
    private func followUp() {
        let takes = core.takesBody
        if takes, !tookBody { loop.assumeIsolated().execute { self.feeding?.sinkIsReady() } }
        tookBody = takes
        guard let deadline = core.deadline else {
            alarm?.scheduled.cancel()
            alarm = nil
            return
        }
        guard alarm?.time != deadline else { return }
        alarm?.scheduled.cancel()
        let scheduled = loop.scheduleTask(deadline: MonotonicClock.deadline(deadline)) { [weak self] in
            guard let self else { return }
            self.alarm = nil
            self.perform(self.core.tick(now: MonotonicClock.now))
        }
        alarm = (deadline, scheduled)
    }

    private func send(_ bytes: ByteBuffer) {
        var rest = bytes
        if carried.readableBytes > 0 {
            carried.writeImmutableBuffer(rest)
            rest = carried
            carried = ByteBuffer()
        }
        // In base64 four octets stand for three.
        let size = max(1, min(Self.pieceSize, (lineLimit - 128) / 4 * 3))
        while rest.readableBytes > 0 {
            let isLast = rest.readableBytes <= size
            let cut = TextCut.length(of: rest, atMost: size)
            if cut == 0, isLast {
                carried = rest
                return
            }
            guard let piece = rest.readSlice(length: max(1, cut)) else { return }
            sendPiece(piece)
        }
    }

    private func sendCarried() {
        guard carried.readableBytes > 0 else { return }
        sendPiece(carried)
        carried = ByteBuffer()
    }

    /// One line, or two of half the size where escapes make it too long.
    private func sendPiece(_ piece: ByteBuffer) {
        let message = message("stream.data", capacity: piece.readableBytes + piece.readableBytes / 2 + 64) { writer in
            writer.key("data")
            piece.withUnsafeReadableBytes { writer.byteString($0) }
        }
        guard message.bytes.count + 32 > lineLimit, piece.readableBytes > 1 else { return link.post(message) }
        let half = max(1, TextCut.length(of: piece, atMost: piece.readableBytes / 2))
        for part in [
            piece.getSlice(at: piece.readerIndex, length: half),
            piece.getSlice(at: piece.readerIndex + half, length: piece.readableBytes - half),
        ] {
            if let part { sendPiece(part) }
        }
    }

    private func post(_ method: String, _ members: (inout JSONWriter) -> Void) {
        link.post(message(method, capacity: 96, members))
    }

    private func message(_ method: String, capacity: Int, _ members: (inout JSONWriter) -> Void) -> LinkMessage {
        LinkMessage(method, capacity: capacity) { writer in
            writer.key("s")
            writer.int(number)
            members(&writer)
        }
    }
}
