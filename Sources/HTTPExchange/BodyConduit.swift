import FlowModel
import NIOCore
import ProxyKernel

/// The two bodies of an exchange as one byte stream: what a tunnel within HTTP/2 runs through. Confined to its session's loop.
package final class BodyConduit: Conduit, BodySink, BodySource, @unchecked Sendable {
    private let session: Session
    private let incoming: BodyPipe
    private let outgoing: any BodySink
    private var isJoined = false
    private var isReading = true
    private var outputIsClosed = false
    package private(set) var inputIsClosed = false
    package private(set) var isOpen = true
    package weak var feeding: (any BodySource)?

    package init(incoming: BodyPipe, outgoing: any BodySink, session: Session) {
        self.session = session
        self.incoming = incoming
        self.outgoing = outgoing
        outgoing.feeding = self
    }

    package var consumer: (any ByteConsumer)? {
        didSet {
            guard !isJoined else { return }
            isJoined = true
            // Not at once: whoever takes it is still being set up.
            session.loop.assumeIsolated().execute { self.incoming.join(self) }
        }
    }

    // MARK: What comes

    package var takesBody: Bool { isReading }

    package func body(_ bytes: ByteBuffer) { session.assumeIsolated { consumer?.received(bytes, on: $0) } }

    package func bodyEnded(trailers: Headers?) {
        inputIsClosed = true
        session.assumeIsolated { consumer?.inputClosed(on: $0) }
        finishIfDone()
    }

    package func bodyFailed(_ failure: ProxyFailure) { finish() }

    /// The stream is gone, whatever was said of its bodies.
    package func streamClosed() { finish() }

    private func finishIfDone() {
        if inputIsClosed, outputIsClosed { finish() }
    }

    private func finish() {
        guard isOpen else { return }
        isOpen = false
        session.assumeIsolated { session in
            let last = consumer
            consumer = nil
            last?.closed(on: session)
        }
    }

    package func sinkIsReady() { session.assumeIsolated { consumer?.becameWritable(on: $0) } }

    // MARK: What goes

    package var isWritable: Bool { outgoing.takesBody }
    package func buffer(capacity: Int) -> ByteBuffer { ByteBufferAllocator().buffer(capacity: capacity) }

    package func write(_ bytes: ByteBuffer) {
        guard isOpen, !outputIsClosed, bytes.readableBytes > 0 else { return }
        outgoing.body(bytes)
    }

    package func setReading(_ reads: Bool) {
        isReading = reads
        if reads { incoming.sinkIsReady() }
    }

    package func closeOutput() {
        guard isOpen, !outputIsClosed else { return }
        outputIsClosed = true
        outgoing.bodyEnded(trailers: nil)
        finishIfDone()
    }

    package func close() {
        closeOutput()
        guard isOpen else { return }
        isOpen = false
        consumer = nil
        incoming.discard()
    }

    package func abort() {
        guard isOpen else { return }
        isOpen = false
        consumer = nil
        outgoing.bodyFailed(.clientGone)
        incoming.discard()
    }
}
