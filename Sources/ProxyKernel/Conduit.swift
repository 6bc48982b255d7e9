import NIOCore

/// One end of a byte stream that runs both ways: a connection, or one stream of a connection. Confined to its session's loop.
public protocol Conduit: AnyObject {
    /// Who takes what comes.
    var consumer: (any ByteConsumer)? { get set }
    var isOpen: Bool { get }
    /// The other side will send no more; it may still read.
    var inputIsClosed: Bool { get }
    /// It was not closed but broke, by a reset or inside TLS.
    var isBroken: Bool { get }
    /// False while so much waits to be sent that producers should pause.
    var isWritable: Bool { get }
    /// An empty buffer for what is to be written.
    func buffer(capacity: Int) -> ByteBuffer
    /// Queues bytes; they leave at the end of the loop's turn together with all others.
    func write(_ bytes: ByteBuffer)
    /// Stops or resumes reading: how a slow side holds up a fast one.
    func setReading(_ reads: Bool)
    /// Sends what is queued, then says that no more will come.
    func closeOutput()
    /// Sends what is queued, then closes.
    func close()
    /// Closes so that the other side cannot take what it got for complete.
    func abort()
}

extension Conduit {
    public var isBroken: Bool { false }
}

/// Somebody who writes to a peer when it is about to send, so that much can go in one piece.
public protocol Outbox: AnyObject {
    func fill()
}

/// A consumer that can tell its peer to begin nothing more.
public protocol DrainingConsumer: ByteConsumer {
    func drain()
}

/// What HTTP leaves behind on one side when another protocol takes its place.
public struct TunnelEnd {
    public let conduit: any Conduit
    /// What was read already of the protocol that follows.
    public let early: ByteBuffer

    public init(_ conduit: any Conduit, early: ByteBuffer = ByteBuffer()) {
        self.conduit = conduit
        self.early = early
    }
}

/// Who takes the bytes of a conduit: a protocol's handler, a sniffer, one end of a relay.
///
/// Called on the session's loop only. A consumer may be replaced in any of these calls.
public protocol ByteConsumer: AnyObject {
    func received(_ bytes: ByteBuffer, on session: isolated Session)
    /// The other side will send no more; it may still read.
    func inputClosed(on session: isolated Session)
    /// Writing may go on after it had to pause.
    func becameWritable(on session: isolated Session)
    /// The connection or stream is gone, both ways. The last call.
    func closed(on session: isolated Session)
}
