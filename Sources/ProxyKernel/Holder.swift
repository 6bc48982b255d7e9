import NIOCore

/// Keeps what a peer sends until it is known who takes it. What comes before then is bounded: reading stops.
final class Holder: ByteConsumer {
    private static let limit = 256 * 1024

    private let conduit: any Conduit
    private(set) var bytes: ByteBuffer
    private var inputWasClosed = false

    init(_ conduit: any Conduit, _ bytes: ByteBuffer = ByteBuffer()) {
        self.conduit = conduit
        self.bytes = bytes
    }

    func received(_ more: ByteBuffer, on session: isolated Session) {
        bytes.writeImmutableBuffer(more)
        if bytes.readableBytes > Self.limit { conduit.setReading(false) }
    }

    func inputClosed(on session: isolated Session) { inputWasClosed = true }
    func becameWritable(on session: isolated Session) {}
    func closed(on session: isolated Session) {}

    /// Hands over what came meanwhile.
    func release(to consumer: (any ByteConsumer)?, on session: isolated Session) {
        conduit.setReading(true)
        if bytes.readableBytes > 0 { consumer?.received(bytes, on: session) }
        if inputWasClosed { consumer?.inputClosed(on: session) }
    }
}
