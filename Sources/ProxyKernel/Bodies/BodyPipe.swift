import FlowModel
import NIOCore

/// One message's body on its way: held until somebody wants it, then collected or passed on. Confined to the session's loop.
///
/// The producer calls `received`, `ended` and `failed`. Then exactly one of `collect`, `join` or `discard` is called. What waits
/// is bounded: above the high-water mark `setReading(false)` stops the producer.
public final class BodyPipe: BodySource {
    private static let highWaterMark = 256 * 1024

    /// What few bodies need.
    private final class Extras {
        var spool: BodySpool?
        var peeking: (done: Pending<Bool>, count: Int)?
        /// What has passed, for whoever wants to see it afterwards.
        var copy: (bytes: ByteBuffer, limit: Int)?
        var newTrailers: Headers?
        var bound: (size: Int, failure: ProxyFailure)?
        var failure: ProxyFailure?
    }

    private var held = ByteBuffer()
    private var sink: (any BodySink)?
    private var isDiscarded = false
    private var extras: Extras?
    /// Stops or resumes whoever produces the body.
    private let setReading: (Bool) -> Void
    /// Bytes seen so far.
    public private(set) var size = 0
    public private(set) var isEnded = false
    public private(set) var trailers: Headers?
    public private(set) var timestampEnd: Double?
    /// Called once, when the body has ended or failed and everything was passed on.
    public var whenDone: (() -> Void)?

    public init(setReading: @escaping (Bool) -> Void) { self.setReading = setReading }

    public var failure: ProxyFailure? { extras?.failure }
    public var isComplete: Bool { isEnded || extras?.failure != nil }

    private var needed: Extras {
        if let extras { return extras }
        let new = Extras()
        extras = new
        return new
    }

    // MARK: The producer

    public func received(_ bytes: ByteBuffer) {
        size += bytes.readableBytes
        if let bound = extras?.bound, size > bound.size { return failed(bound.failure) }
        if let sink {
            note(bytes)
            sink.body(bytes)
            if !sink.takesBody { setReading(false) }
        } else if let spool = extras?.spool {
            spool.received(bytes)
        } else if !isDiscarded {
            if held.readableBytes == 0 { held = bytes } else { held.writeImmutableBuffer(bytes) }
            if let peeking = extras?.peeking, held.readableBytes >= peeking.count { peeking.done.resume(true) }
            if held.readableBytes > Self.highWaterMark { setReading(false) }
        }
    }

    public func ended(trailers: Headers?) {
        guard !isComplete else { return }
        isEnded = true
        self.trailers = extras?.newTrailers ?? trailers
        timestampEnd = WallClock.now
        sink?.bodyEnded(trailers: self.trailers)
        extras?.spool?.ended()
        finish()
    }

    public func failed(_ failure: ProxyFailure) {
        guard !isComplete else { return }
        needed.failure = failure
        sink?.bodyFailed(failure)
        extras?.spool?.failed(failure)
        finish()
    }

    private func finish() {
        sink = nil
        extras?.peeking?.done.resume(true)
        if let done = whenDone {
            whenDone = nil
            done()
        }
    }

    // MARK: The receiver

    /// Lets no more than `size` bytes through, which have not come yet: the body fails when there are more.
    public func bound(_ size: Int, _ failure: ProxyFailure) {
        needed.bound = (size, failure)
    }

    /// Puts other trailers in the place of those that come or have come.
    public func setTrailers(_ trailers: Headers) {
        needed.newTrailers = trailers
        if isEnded { self.trailers = trailers }
    }

    /// Keeps a copy of what passes from now on, unless that is more than `limit`.
    public func copy(upTo limit: Int) {
        if size <= limit { needed.copy = (ByteBuffer(), limit) }
    }

    /// The copy of a body that has passed as a whole; nil if there is none.
    public func takeCopy() -> ByteBuffer? {
        defer { extras?.copy = nil }
        return isEnded ? extras?.copy?.bytes : nil
    }

    private func note(_ bytes: ByteBuffer) {
        guard let extras, let limit = extras.copy?.limit, let size = extras.copy?.bytes.readableBytes else { return }
        guard size + bytes.readableBytes <= limit else { return extras.copy = nil }
        extras.copy?.bytes.makeRoom(for: bytes.readableBytes)
        extras.copy?.bytes.writeImmutableBuffer(bytes)
    }

    /// The whole body; `length` is what is known of it. One of more than `limit` bytes fails and is still to be had as it comes, one of
    /// more than the store allows is lost. From `mappedFrom` bytes on whoever wants it would rather have a file in memory.
    public func collect(
        in store: BodyStore, limit: Int = .max, _ length: BodyLength, mappedFrom: Int? = nil, of whom: String, waiter: Waiter?,
        on loop: any EventLoop
    ) async throws(ProxyFailure) -> Content {
        if let failure { throw failure }
        let most = min(limit, store.limit)
        let tooLong = ProxyFailure(
            .limit, fault: .client, "the body \(whom) is larger than the \(most) bytes that may be held for an addon")
        guard max(size, length.count ?? 0) <= most else { throw tooLong }
        // Nothing goes to a file that may have to go on after all.
        let mayGoOn = limit <= store.limit && length.count == nil
        let spool = BodySpool(
            store, length, limit: most, mayGoOn: mayGoOn, mappedFrom: mappedFrom, tooLong, on: loop, setReading: setReading)
        spool.received(held)
        held = ByteBuffer()
        needed.spool = spool
        defer {
            extras?.spool = nil
            if mayGoOn { held = spool.takeBack() } else { isDiscarded = true }
        }
        if isEnded { spool.ended() } else { setReading(true) }
        return try await spool.done.wait(as: waiter)
    }

    /// The first `count` bytes, which stay; fewer if the body ends before or `patience` is over.
    public func prefix(
        _ count: Int, patience: TimeAmount, waiter: Waiter?, on loop: any EventLoop
    ) async throws(ProxyFailure) -> ByteBuffer {
        let count = min(count, Self.highWaterMark)
        if !isComplete, held.readableBytes < count {
            let done = Pending<Bool>(on: loop)
            needed.peeking = (done, count)
            setReading(true)
            let alarm = loop.scheduleTask(in: patience) { done.resume(false) }
            defer {
                extras?.peeking = nil
                alarm.cancel()
            }
            _ = try await done.wait(as: waiter)
        }
        if let failure { throw failure }
        return held.getSlice(at: held.readerIndex, length: min(count, held.readableBytes)) ?? ByteBuffer()
    }

    /// Passes on what is held and all that follows. The pipe feeds nobody else from then on.
    public func join(_ sink: any BodySink) {
        if held.readableBytes > 0 {
            note(held)
            sink.body(held)
        }
        held = ByteBuffer()
        if isEnded { return sink.bodyEnded(trailers: trailers) }
        if let failure { return sink.bodyFailed(failure) }
        self.sink = sink
        sink.feeding = self
        setReading(sink.takesBody)
    }

    /// Passes the body on if it has ended, and fails if it has failed; false if some of it is still to come.
    public func passWhole(to sink: any BodySink) throws(ProxyFailure) -> Bool {
        guard isComplete else { return false }
        join(sink)
        if let failure { throw failure }
        return true
    }

    /// Passes the body on; returns when it has ended, and fails as it does.
    public func pass(to sink: any BodySink, waiter: Waiter, on session: isolated Session) async throws(ProxyFailure) {
        if try passWhole(to: sink) { return }
        let passed = Pending<Bool>(on: session.loop)
        whenDone = { passed.resume(true) }
        join(sink)
        do throws(ProxyFailure) { _ = try await passed.wait(as: waiter) } catch {
            // A client whose connection ends with its body has left by then, which is told first.
            guard isEnded else { throw failure ?? error }
        }
        if let failure { throw failure }
    }

    /// Sends the body through a stage, and returns what comes out.
    public func pass(through stage: any BodyStage) -> BodyPipe {
        join(stage)
        return stage.output
    }

    /// Reads the rest and throws it away.
    public func discard() {
        isDiscarded = true
        sink = nil
        held = ByteBuffer()
        if !isComplete { setReading(true) }
    }

    /// The sink can take more.
    public func sinkIsReady() {
        if sink != nil, !isComplete { setReading(true) }
    }
}
