import AddonWire
import FlowModel
import Glibc
import NIOCore
import Schema
import Sockets

/// What a link tells its owner, on the link's loop.
protocol LinkOwner: AnyObject, Sendable {
    /// `initialize` was answered; the owner accepts or closes.
    func initialized(_ link: WorkerLink, _ result: JSON)
    func notified(_ link: WorkerLink, method: String, params: JSON)
    /// To be met with `answer`.
    func called(_ link: WorkerLink, _ id: JSON, method: String, params: JSON)
    /// Answers came that nobody waits for, or that never had a request.
    func droppedAnswers(_ link: WorkerLink, _ counters: LinkCounters)
    /// The connection is over and took events with it, counted by their hooks' policies. Called once, last.
    func ended(_ link: WorkerLink, _ end: LinkEnd, lost: [FailurePolicy: Int])
}

/// The connection to one worker: moves the bytes of a `LinkCore` and keeps its time. Confined to its loop.
///
/// What is sent within one turn of the loop leaves in one write.
final class WorkerLink: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What an answer may cost, and a byte of a body, before a worker's reading is slowed; nanoseconds, several times what they do cost.
    private static let timePerAnswer: Int64 = 100_000
    private static let timePerByte: Int64 = 40

    let loop: any EventLoop
    private(set) var core: LinkCore
    /// What goes beside the lines.
    let carrier = BodyCarrier()
    /// The handler before this one.
    let reading: PacedReading
    /// Who records its lines, and the connection's number there.
    private let traces: (all: Traces, connection: Int)
    private weak var owner: (any LinkOwner)?
    private let initialize: LinkMessage
    private var context: ChannelHandlerContext?
    private var output: DirectOutput?
    private var tickets = OpenNumbers<EventTicket>()
    private var streams: [Int: WorkerStream] = [:]
    private var hasStarted = false
    private var hasEnded = false
    private var flushIsDue = false
    private var alarm: Scheduled<Void>?
    private var alarmTime = Int64.max
    private var drained: EventLoopPromise<Void>?
    /// Calls of the worker's that are not answered.
    private var openCalls = 0
    /// The end of the last one of those that take long.
    private var turn: EventLoopFuture<Void>

    init(
        loop: any EventLoop, limits: LinkLimits, initialize: LinkMessage, traces: (all: Traces, connection: Int),
        owner: any LinkOwner
    ) {
        self.traces = traces
        reading = PacedReading(share: limits.readingShare)
        turn = loop.makeSucceededVoidFuture()
        self.loop = loop
        self.initialize = initialize
        self.owner = owner
        core = LinkCore(limits: limits)
    }

    // MARK: The host's side

    /// Sends an event, and announces the stream that it names; may be called from any loop.
    func submit(
        _ message: LinkMessage, timeout: Int64, at time: NIODeadline = .now(), isLast: Bool = false, stream: WorkerStream? = nil,
        _ ticket: EventTicket
    ) {
        guard loop.inEventLoop else {
            return loop.execute { self.submit(message, timeout: timeout, at: time, isLast: isLast, stream: stream, ticket) }
        }
        guard !ticket.isCancelled else { return }
        if let stream {
            guard streams.count < core.limits.maximumStreams else {
                return ticket.complete(.failure(LinkFailure(.overload, "\(streams.count) bodies go through it already")))
            }
            streams[stream.number] = stream
        }
        switch core.event(message, timeout: timeout, isLast: isLast, now: MonotonicClock.time(time)) {
        case .accepted(let id):
            // An answer is often as long as its event.
            reading.allow(Self.timePerAnswer + Self.timePerByte * Int64(message.bytes.count))
            ticket.id = id
            tickets[id] = ticket
            afterwards()
        case .refused(let failure): complete(ticket, .failure(failure))
        }
    }

    /// Sends an event with bodies beside its line, which `write` makes of what they are called; nil where one cannot be shown. May be
    /// called from any loop.
    func submit(
        _ bodies: [LargeBody], timeout: Int64, _ ticket: EventTicket,
        write: @escaping @Sendable ([ContentReference?]) -> LinkMessage?
    ) {
        guard loop.inEventLoop else { return loop.execute { self.submit(bodies, timeout: timeout, ticket, write: write) } }
        guard !ticket.isCancelled else { return }
        ticket.carried = carrier.carry(bodies)
        for case .held(_, let size)? in ticket.carried { reading.allow(Self.timePerByte * Int64(size)) }
        guard let message = write(ticket.carried) else {
            let note = "a body is longer than the worker's line has room for"
            return complete(ticket, .failure(LinkFailure(.tooLarge, note)))
        }
        submit(message, timeout: timeout, ticket)
    }

    /// What a worker still has that has not answered an event which has ended.
    private func lend(_ ticket: EventTicket, _ id: Int) {
        if !ticket.slots.isEmpty, core.mayStillAnswer(id) { carrier.lend(ticket.slots, to: id) }
    }

    private func complete(_ ticket: EventTicket, _ answer: consuming LinkAnswer) {
        carrier.release(ticket.carried)
        ticket.complete(answer)
    }

    /// Nobody waits for the event any more; may be called from any loop.
    func cancel(_ ticket: EventTicket, why: String) {
        guard loop.inEventLoop else { return loop.execute { self.cancel(ticket, why: why) } }
        ticket.isCancelled = true
        carrier.release(ticket.carried)
        guard let id = ticket.id, tickets.remove(id) != nil else { return }
        perform(core.cancel(id, why: why, now: MonotonicClock.now))
        lend(ticket, id)
    }

    /// Sends a notification or drops it; may be called from any loop.
    func notify(_ message: LinkMessage) {
        guard loop.inEventLoop else { return loop.execute { self.notify(message) } }
        core.notify(message)
        afterwards()
    }

    /// Sends what belongs to a stream; may be called from any loop.
    func post(_ message: LinkMessage) {
        guard loop.inEventLoop else { return loop.execute { self.post(message) } }
        // What a worker makes of a piece comes back in lines of its own, and its credit in another.
        reading.allow(Self.timePerAnswer + Self.timePerByte * Int64(message.bytes.count))
        core.post(message)
        afterwards()
    }

    /// A stream is over; may be called from any loop.
    func forget(_ number: Int) {
        guard loop.inEventLoop else { return loop.execute { self.forget(number) } }
        streams[number] = nil
    }

    /// Answers a call of the worker's; may be called from any loop.
    func answer(_ id: JSON, _ result: Result<JSON, CallFailure>) {
        guard loop.inEventLoop else { return loop.execute { self.answer(id, result) } }
        openCalls -= 1
        switch result {
        case .success(let json): perform(reading.charge { core.answer(id, json) })
        case .failure(let failure):
            perform(core.refuse(id, code: failure.code, kind: failure.kind, failure.message, path: failure.path))
        }
    }

    /// Does what takes long for one call of the worker's after the other, each when there is time for it again; on the link's loop.
    func inTurn<Value: Sendable>(_ body: @escaping @Sendable () -> EventLoopFuture<Value>) -> EventLoopFuture<Value> {
        let result = turn.flatMap { self.reading.rested(on: self.loop) }.flatMap(body)
        turn = result.map { _ in }.recover { _ in }
        return result
    }

    /// Sends the request after which the worker ends; on the link's loop. Succeeds also if it is not answered.
    func shutdown(timeout: Int64) -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        if let id = core.request(LinkMessage("shutdown", capacity: 64), timeout: timeout, now: MonotonicClock.now) {
            tickets[id] = EventTicket(policy: .continue, on: loop) { _ in promise.succeed() }
            afterwards()
        } else {
            promise.succeed()
        }
        return promise.futureResult
    }

    /// Ends the handshake; on the link's loop. `descriptors` is the socket for them, if the worker uses it.
    func accept(_ result: InitializeResult, _ initialized: LinkMessage, descriptors: DescriptorSocket?) {
        carrier.socket = descriptors
        core.accept(
            initialized, workerLine: result.maximumLine, maximumInFlight: result.maximumInFlight, now: MonotonicClock.now)
        afterwards()
    }

    /// Takes no events from now on; the future ends when those at hand have, or the connection. On the link's loop, once.
    func drain() -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        guard core.state == .ready else {
            promise.succeed()
            return promise.futureResult
        }
        drained = promise
        perform(core.drain())
        return promise.futureResult
    }

    /// Ends the connection; every event at hand fails. On the link's loop.
    func close(_ end: LinkEnd) { perform(core.close(end)) }

    // MARK: The channel's side

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        output = DirectOutput(context.channel)
        if context.channel.isActive { start() }
    }

    func channelActive(context: ChannelHandlerContext) {
        start()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        traces.all.record(Array(buffer.readableBytesView), of: .worker, connection: traces.connection)
        let dropped = core.counters.dropped
        defer { if core.counters.dropped > dropped { owner?.droppedAnswers(self, core.counters) } }
        perform(buffer.withUnsafeReadableBytes { core.received($0, now: MonotonicClock.now) })
    }

    /// Nobody stands behind this handler.
    func channelReadComplete(context: ChannelHandlerContext) {}

    func channelInactive(context: ChannelHandlerContext) {
        perform(core.close(.ended))
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        perform(core.close(.ended))
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A worker that dies with unread lines in its socket resets the connection.
        let isReset = (error as? IOError).map { $0.errnoCode == ECONNRESET || $0.errnoCode == EPIPE } ?? false
        perform(core.close(isReset ? .ended : .broken(AddonFailure.reason(error))))
    }

    private func start() {
        guard !hasStarted else { return }
        hasStarted = true
        core.start(initialize, now: MonotonicClock.now)
        afterwards()
    }

    private func perform(_ actions: consuming [LinkCore.Action]) {
        var lost: [FailurePolicy: Int] = [:]
        for index in actions.indices {
            // Each is taken out, not copied: an answer is handed on.
            var action = LinkCore.Action.drained
            swap(&actions[index], &action)
            switch consume action {
            case .initialized(let result): owner?.initialized(self, result)
            case .answered(let id, let result):
                guard let ticket = tickets.remove(id) else { break }
                if carrier.socket != nil { ticket.received = carrier.receive(ReturnedBodies.numbers(in: result)) }
                complete(ticket, .success(result))
            case .failed(let id, let failure):
                guard let ticket = tickets.remove(id) else { break }
                if failure.cause == .crash { lost[ticket.policy, default: 0] += 1 }
                lend(ticket, id)
                complete(ticket, .failure(failure))
            case .late(let id): carrier.giveBack(id)
            case .call(let id, let method, let params): call(id, method, params)
            case .notification(let method, let params) where method.hasPrefix(StreamNotice.prefix):
                // One that names no open stream comes from a worker that has not heard of its end.
                guard let stream = StreamNotice.number(params).flatMap({ streams[$0] }) else { break }
                reading.allow(Self.timePerByte * Int64(StreamNotice.length(params)))
                stream.received(method, params)
            case .notification(let method, let params): owner?.notified(self, method: method, params: params)
            case .drained:
                drained?.succeed()
                drained = nil
            case .close(let end): finish(end, lost)
            }
        }
        afterwards()
    }

    private func call(_ id: JSON, _ method: String, _ params: JSON) {
        openCalls += 1
        guard openCalls <= core.limits.maximumCalls else {
            let what = "\(core.limits.maximumCalls) calls of this worker are not answered yet"
            return answer(id, .failure(CallFailure(code: -32010, kind: "overloaded", message: what)))
        }
        owner?.called(self, id, method: method, params: params)
    }

    private func finish(_ end: LinkEnd, _ lost: [FailurePolicy: Int]) {
        guard !hasEnded else { return }
        hasEnded = true
        alarm?.cancel()
        drained?.succeed()
        drained = nil
        carrier.close(on: loop)
        context?.close(promise: nil)
        let lostStreams = streams.values
        streams = [:]
        for stream in lostStreams { stream.lost(LinkFailure(.crash, end.description)) }
        owner?.ended(self, end, lost: lost)
    }

    /// After anything that may have produced output or moved a deadline.
    private func afterwards() {
        if core.hasOutput, !flushIsDue {
            flushIsDue = true
            loop.execute { self.flush() }
        }
        guard let wake = core.wake, wake < alarmTime else { return }
        alarm?.cancel()
        alarmTime = wake
        alarm = loop.scheduleTask(deadline: MonotonicClock.deadline(wake)) {
            self.alarmTime = .max
            self.perform(self.core.tick(now: MonotonicClock.now))
        }
    }

    private func flush() {
        flushIsDue = false
        guard let context, core.hasOutput else { return }
        let bytes = core.takeOutput()
        traces.all.record(bytes, of: .core, connection: traces.connection)
        let sent = bytes.withUnsafeBytes { output?.send($0, past: context.channel) } ?? 0
        if sent > 0 { perform(core.wrote(sent, now: MonotonicClock.now)) }
        guard sent < bytes.count else { return }
        let promise = loop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { result in
            // A failed write is followed by the channel's end.
            guard case .success = result else { return }
            self.perform(self.core.wrote(bytes.count - sent, now: MonotonicClock.now))
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes[sent...])), promise: promise)
    }
}
