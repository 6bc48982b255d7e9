import Glibc
import NIOCore

/// Who takes the bytes of a peer: a protocol's handler, a sniffer, one end of a relay.
///
/// Called on the session's loop only. A consumer may be replaced in any of these calls.
package protocol ByteConsumer: AnyObject {
    func received(_ bytes: ByteBuffer, on session: isolated Session)
    /// The peer will send no more; it may still read.
    func inputClosed(on session: isolated Session)
    /// Writing may go on after it had to pause.
    func becameWritable(on session: isolated Session)
    /// The connection is gone, both ways. The last call.
    func closed(on session: isolated Session)
}

/// One end of the proxy: the client's connection or one to a server. Confined to its session's loop.
package final class Peer {
    /// Nil for the client of a request that is replayed: nobody is there.
    private let channel: (any Channel)?
    package var consumer: (any ByteConsumer)?
    package private(set) var isOpen: Bool
    package private(set) var inputIsClosed = false
    private let executor: LoopExecutor
    private var isUnsent = false
    private var isPaused = false

    /// The handler that reports to the session; TLS goes in front of it.
    private(set) var handler: PeerHandler?

    init(_ channel: (any Channel)?, _ executor: LoopExecutor) {
        self.channel = channel
        isOpen = channel != nil
        self.executor = executor
    }

    func attach(_ handler: PeerHandler) throws {
        try channel?.pipeline.syncOperations.addHandler(handler)
        self.handler = handler
    }

    /// Puts a handler between the socket and the session.
    func insert(_ inner: any ChannelHandler) throws {
        guard let handler, let channel else { throw ChannelError.ioOnClosedChannel }
        try channel.pipeline.syncOperations.addHandler(inner, position: .before(handler))
    }

    /// False while so much waits to be sent that producers should pause.
    package var isWritable: Bool { channel?.isWritable ?? true }

    /// An empty buffer for what is to be written.
    package func buffer(capacity: Int) -> ByteBuffer { (channel?.allocator ?? ByteBufferAllocator()).buffer(capacity: capacity) }

    /// Queues bytes; they leave at the end of the loop's turn together with all others.
    package func write(_ bytes: ByteBuffer) {
        guard isOpen, bytes.readableBytes > 0 else { return }
        channel?.pipeline.syncOperations.write(NIOAny(bytes), promise: nil)
        guard !isUnsent else { return }
        isUnsent = true
        executor.sendLater(self)
    }

    func send() {
        isUnsent = false
        if isOpen { channel?.pipeline.syncOperations.flush() }
    }

    /// Stops or resumes reading from the socket: how a slow side holds up a fast one.
    package func setReading(_ reads: Bool) {
        guard isOpen, isPaused == reads else { return }
        isPaused = !reads
        try? channel?.syncOptions?.setOption(.autoRead, value: reads)
    }

    /// Sends what is queued, then closes.
    package func close() {
        guard isOpen else { return }
        channel?.pipeline.syncOperations.flush()
        isOpen = false
        channel?.close(mode: .all, promise: nil)
    }

    /// Closes so that the other side cannot take what it got for complete: a reset rather than an orderly end.
    package func abort() {
        guard isOpen else { return }
        isOpen = false
        _ = (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        channel?.close(mode: .all, promise: nil)
    }

    /// Sends what is queued, then says that no more will come.
    package func closeOutput() {
        guard isOpen else { return }
        channel?.pipeline.syncOperations.flush()
        channel?.close(mode: .output, promise: nil)
    }

    func sawInputClosed() { inputIsClosed = true }
    func sawClosed() {
        isOpen = false
        // The handler holds the session, which holds this.
        handler = nil
    }
}
