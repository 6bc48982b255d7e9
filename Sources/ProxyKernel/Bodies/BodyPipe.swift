import FlowModel
import NIOCore

/// One message's body on its way: held until somebody wants it, then collected or passed on. Confined to the session's loop.
///
/// The producer calls `received`, `ended` and `failed`. Then exactly one of `collect`, `join` or `discard` is called. What waits
/// is bounded: above the high-water mark `setReading(false)` stops the producer.
package final class BodyPipe: BodySource {
    private static let highWaterMark = 256 * 1024

    private var held = ByteBuffer()
    private var sink: (any BodySink)?
    private var isDiscarded = false
    private var collecting: (done: Pending<Bool>, limit: Int)?
    private var peeking: (done: Pending<Bool>, count: Int)?
    /// What has passed, for whoever wants to see it afterwards.
    private var copy: (bytes: ByteBuffer, limit: Int)?
    private var bound: (size: Int, failure: ProxyFailure)?
    /// Stops or resumes whoever produces the body.
    private let setReading: (Bool) -> Void
    /// Bytes seen so far.
    package private(set) var size = 0
    package private(set) var isEnded = false
    package private(set) var trailers: Headers?
    package private(set) var failure: ProxyFailure?
    package private(set) var timestampEnd: Double?
    /// Called once, when the body has ended or failed and everything was passed on.
    package var whenDone: (() -> Void)?

    package init(setReading: @escaping (Bool) -> Void) { self.setReading = setReading }

    package var isComplete: Bool { isEnded || failure != nil }

    // MARK: The producer

    package func received(_ bytes: ByteBuffer) {
        size += bytes.readableBytes
        if let bound, size > bound.size { return failed(bound.failure) }
        if let sink {
            note(bytes)
            sink.body(bytes)
            if !sink.takesBody { setReading(false) }
        } else if !isDiscarded {
            if held.readableBytes == 0 { held = bytes } else { held.writeImmutableBuffer(bytes) }
            if let peeking, held.readableBytes >= peeking.count { peeking.done.resume(true) }
            if let collecting {
                if size > collecting.limit { collecting.done.resume(false) }
            } else if held.readableBytes > Self.highWaterMark {
                setReading(false)
            }
        }
    }

    package func ended(trailers: Headers?) {
        guard !isComplete else { return }
        isEnded = true
        self.trailers = trailers
        timestampEnd = WallClock.now
        sink?.bodyEnded(trailers: trailers)
        finish()
    }

    package func failed(_ failure: ProxyFailure) {
        guard !isComplete else { return }
        self.failure = failure
        sink?.bodyFailed(failure)
        finish()
    }

    private func finish() {
        sink = nil
        collecting?.done.resume(true)
        peeking?.done.resume(true)
        if let done = whenDone {
            whenDone = nil
            done()
        }
    }

    // MARK: The receiver

    /// Lets no more than `size` bytes through, which have not come yet: the body fails when there are more.
    package func bound(_ size: Int, _ failure: ProxyFailure) {
        bound = (size, failure)
    }

    /// Keeps a copy of what passes from now on, unless that is more than `limit`.
    package func copy(upTo limit: Int) {
        if size <= limit { copy = (ByteBuffer(), limit) }
    }

    /// The copy of a body that has passed as a whole; nil if there is none.
    package func takeCopy() -> ByteBuffer? {
        defer { copy = nil }
        return isEnded ? copy?.bytes : nil
    }

    private func note(_ bytes: ByteBuffer) {
        guard let limit = copy?.limit, let size = copy?.bytes.readableBytes else { return }
        guard size + bytes.readableBytes <= limit else { return copy = nil }
        copy?.bytes.writeImmutableBuffer(bytes)
    }

    /// The whole body, at most `limit` bytes.
    package func collect(
        limit: Int, of whom: String, waiter: Waiter?, on loop: any EventLoop, isolation: isolated (any Actor)? = #isolation
    ) async throws(ProxyFailure) -> ByteBuffer {
        if !isComplete, size <= limit {
            let done = Pending<Bool>(on: loop)
            collecting = (done, limit)
            setReading(true)
            defer { collecting = nil }
            _ = try await done.wait(as: waiter, isolation: isolation)
        }
        if let failure { throw failure }
        guard size <= limit else {
            throw ProxyFailure(
                .limit, fault: .client, "the body \(whom) is larger than the \(limit) bytes that may be held for an addon")
        }
        defer { held = ByteBuffer() }
        return held
    }

    /// The first `count` bytes, which stay; fewer if the body ends before or `patience` is over.
    package func prefix(
        _ count: Int, patience: TimeAmount, waiter: Waiter?, on loop: any EventLoop, isolation: isolated (any Actor)? = #isolation
    ) async throws(ProxyFailure) -> ByteBuffer {
        let count = min(count, Self.highWaterMark)
        if !isComplete, held.readableBytes < count {
            let done = Pending<Bool>(on: loop)
            peeking = (done, count)
            setReading(true)
            let alarm = loop.scheduleTask(in: patience) { done.resume(false) }
            defer {
                peeking = nil
                alarm.cancel()
            }
            _ = try await done.wait(as: waiter, isolation: isolation)
        }
        if let failure { throw failure }
        return held.getSlice(at: held.readerIndex, length: min(count, held.readableBytes)) ?? ByteBuffer()
    }

    /// Passes on what is held and all that follows. The pipe feeds nobody else from then on.
    package func join(_ sink: any BodySink) {
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

    /// Sends the body through a stage, and returns what comes out.
    package func pass(through stage: any BodyStage) -> BodyPipe {
        join(stage)
        return stage.output
    }

    /// Reads the rest and throws it away.
    package func discard() {
        isDiscarded = true
        sink = nil
        held = ByteBuffer()
        if !isComplete { setReading(true) }
    }

    /// The sink can take more.
    package func sinkIsReady() {
        if sink != nil, !isComplete { setReading(true) }
    }
}
