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
            sink.body(bytes)
            if !sink.takesBody { setReading(false) }
        } else if !isDiscarded {
            if held.readableBytes == 0 { held = bytes } else { held.writeImmutableBuffer(bytes) }
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

    /// The whole body, at most `limit` bytes.
    package func collect(
        limit: Int, of whom: String, waiter: Waiter, on session: isolated Session
    ) async throws(ProxyFailure) -> ByteBuffer {
        if !isComplete, size <= limit {
            let done = Pending<Bool>(on: session.loop)
            collecting = (done, limit)
            setReading(true)
            defer { collecting = nil }
            _ = try await done.wait(as: waiter)
        }
        if let failure { throw failure }
        guard size <= limit else {
            throw ProxyFailure(
                .limit, fault: .client, "the body \(whom) is larger than the \(limit) bytes that may be held for an addon")
        }
        defer { held = ByteBuffer() }
        return held
    }

    /// Passes on what is held and all that follows. The pipe feeds nobody else from then on.
    package func join(_ sink: any BodySink) {
        if held.readableBytes > 0 { sink.body(held) }
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
