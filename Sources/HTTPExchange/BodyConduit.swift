import FlowModel
import NIOCore
import ProxyKernel

/// The two bodies of an exchange as one byte stream: what a tunnel within HTTP/2 runs through. Confined to its session's loop.
public final class BodyConduit: Conduit, BodySink, BodySource, @unchecked Sendable {
    private let session: Session
    private let incoming: BodyPipe
    private let outgoing: any BodySink
    private var isJoined = false
    private var isReading = true
    private var outputIsClosed = false
    public private(set) var inputIsClosed = false
    public private(set) var isOpen = true
    public weak var feeding: (any BodySource)?

    public init(incoming: BodyPipe, outgoing: any BodySink, session: Session) {
        self.session = session
        self.incoming = incoming
        self.outgoing = outgoing
        outgoing.feeding = self
    }

    public var consumer: (any ByteConsumer)? {
        didSet {
            guard !isJoined else { return }
            isJoined = true
            // Not at once: whoever takes it is still being set up.
            session.loop.assumeIsolated().execute { self.incoming.join(self) }
        }
    }

    // MARK: What comes

    public var takesBody: Bool { isReading }

    public func body(_ bytes: ByteBuffer) { session.assumeIsolated { consumer?.received(bytes, on: $0) } }

    public func bodyEnded(trailers: Headers?) {
        inputIsClosed = true
        session.assumeIsolated { consumer?.inputClosed(on: $0) }
        finishIfDone()
    }

    public func bodyFailed(_ failure: ProxyFailure) { finish() }

    /// The stream is gone, whatever was said of its bodies.
    public func streamClosed() { finish() }

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

    public func sinkIsReady() { session.assumeIsolated { consumer?.becameWritable(on: $0) } }

    // MARK: What goes

    public var isWritable: Bool { outgoing.takesBody }
    public func buffer(capacity: Int) -> ByteBuffer { ByteBufferAllocator().buffer(capacity: capacity) }

    public func write(_ bytes: ByteBuffer) {
        guard isOpen, !outputIsClosed, bytes.readableBytes > 0 else { return }
        outgoing.body(bytes)
    }

    public func setReading(_ reads: Bool) {
        isReading = reads
        if reads { incoming.sinkIsReady() }
    }

    public func closeOutput() {
        guard isOpen, !outputIsClosed else { return }
        outputIsClosed = true
        outgoing.bodyEnded(trailers: nil)
        finishIfDone()
    }

    public func close() {
        closeOutput()
        guard isOpen else { return }
        isOpen = false
        consumer = nil
        incoming.discard()
    }

    public func abort() {
        guard isOpen else { return }
        isOpen = false
        consumer = nil
        outgoing.bodyFailed(.clientGone)
        incoming.discard()
    }
}
