import Glibc
import NIOCore
import Sockets

/// One end of the proxy: the client's connection or one to a server. Confined to its session's loop.
public final class Peer: Conduit {
    /// Nil for the client of a request that is replayed: nobody is there.
    let channel: (any Channel)?
    public var consumer: (any ByteConsumer)?
    public private(set) var isOpen: Bool
    public private(set) var inputIsClosed = false
    public private(set) var isBroken = false
    private let executor: LoopExecutor
    /// How long a closed connection stays for what it has not taken yet.
    private static let closePatience = TimeAmount.seconds(30)
    /// Who has more to send than is queued here, asked right before sending.
    public weak var outbox: (any Outbox)?
    private var isUnsent = false
    /// Small pieces of this turn, which leave as one: a piece costs more than its copy costs here.
    private var gathered: ByteBuffer?
    /// Where they leave; nil once a handler stands between the socket and the session.
    private var output: DirectOutput?
    /// A buffer of at most this size is held back until the end of the turn.
    private static let smallPiece = 4096
    /// Counts what is received and sent; nil for what stays within the proxy.
    private let meters: ProxyMeters.SideMeters?
    private var isPaused = false
    /// What the channel knows of that.
    private var channelIsPaused = false
    /// What the channel must not read at its end while that is so; from the first pause on.
    private var unread: UnreadInput?

    /// The handler that reports to the session; TLS goes in front of it.
    private(set) var handler: PeerHandler?

    init(_ channel: (any Channel)?, _ executor: LoopExecutor, _ meters: ProxyMeters.SideMeters? = nil) {
        self.channel = channel
        self.meters = meters
        isOpen = channel != nil
        self.executor = executor
    }

    /// `isBare` says that nothing stands between the socket and the handler.
    func attach(_ handler: PeerHandler, isBare: Bool = true) throws {
        try channel?.pipeline.syncOperations.addHandler(handler)
        if isBare { output = channel.map { DirectOutput($0) } }
        self.handler = handler
    }

    /// Leaves the channel, which somebody else takes.
    func detach() -> (any Channel)? {
        guard isOpen, let channel, let handler else { return nil }
        tellReading()
        channel.pipeline.syncOperations.removeHandler(handler, promise: nil)
        sawClosed()
        consumer = nil
        return channel
    }

    /// Puts a handler between the socket and the session.
    func insert(_ inner: any ChannelHandler) throws {
        guard let handler, let channel else { throw ChannelError.ioOnClosedChannel }
        // What was written before is not for the new handler.
        passOn()
        output = nil
        try channel.pipeline.syncOperations.addHandler(inner, position: .before(handler))
    }

    /// Whether nothing stands between the socket and the session.
    var isBare: Bool { output != nil }

    public var isWritable: Bool { channel?.isWritable ?? true }

    public func buffer(capacity: Int) -> ByteBuffer { ByteBufferAllocator().buffer(capacity: capacity) }

    public func write(_ bytes: ByteBuffer) {
        guard isOpen, bytes.readableBytes > 0 else { return }
        meters?.sent.increment(by: Int64(bytes.readableBytes))
        gather(bytes)
        sendSoon()
    }

    private func gather(_ bytes: ByteBuffer) {
        // Only where there is room, so that nothing is copied to make some.
        if let room = gathered?.writableBytes, bytes.readableBytes <= room {
            gathered?.writeImmutableBuffer(bytes)
            return
        }
        passOn()
        if bytes.readableBytes + bytes.writableBytes <= Self.smallPiece {
            gathered = bytes
        } else {
            queue(bytes)
        }
    }

    /// Gives the channel what was held back.
    private func passOn() { if let bytes = gathered.take() { queue(bytes) } }

    private func queue(_ bytes: ByteBuffer) {
        output?.leave()
        channel?.pipeline.syncOperations.write(NIOAny(bytes), promise: nil)
    }

    /// Has all that waits sent at the end of the loop's turn.
    public func sendSoon() {
        guard isOpen, !isUnsent else { return }
        isUnsent = true
        executor.sendLater(self)
    }

    func send() {
        guard isOpen else { return isUnsent = false }
        // What the outbox writes now needs no further turn.
        isUnsent = true
        outbox?.fill()
        isUnsent = false
        if isOpen { flush() }
        tellReading()
    }

    private func flush() {
        guard let channel else { return }
        if var bytes = gathered.take() {
            if output?.send(&bytes, past: channel) == true { return }
            queue(bytes)
        }
        channel.pipeline.syncOperations.flush()
    }

    /// A pause begins at the end of the turn, when what was read has been sent: most are over by then, and cost no system call.
    public func setReading(_ reads: Bool) {
        guard isOpen, isPaused == reads else { return }
        isPaused = !reads
        if isPaused, unread == nil { unread = channel.flatMap { try? UnreadInput.of($0) } }
        unread?.isPaused = isPaused
        if reads { tellReading() } else { sendSoon() }
    }

    private func tellReading() {
        guard isOpen, channelIsPaused != isPaused else { return }
        channelIsPaused = isPaused
        try? channel?.syncOptions?.setOption(.autoRead, value: !isPaused)
    }

    public func close() {
        guard isOpen, let channel else { return }
        outbox?.fill()
        guard isOpen else { return }
        flush()
        isOpen = false
        guard let sent = whenSent() else { return channel.close(mode: .all, promise: nil) }
        let alarm = channel.eventLoop.scheduleTask(in: Self.closePatience) { channel.close(mode: .all, promise: nil) }
        sent.whenComplete { _ in
            alarm.cancel()
            channel.close(mode: .all, promise: nil)
        }
    }

    /// A reset rather than an orderly end.
    public func abort() {
        guard isOpen else { return }
        isOpen = false
        _ = (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        channel?.close(mode: .all, promise: nil)
    }

    public func closeOutput() {
        guard isOpen, let channel else { return }
        flush()
        guard let sent = whenSent() else { return channel.close(mode: .output, promise: nil) }
        sent.whenComplete { _ in channel.close(mode: .output, promise: nil) }
    }

    /// Succeeds when the socket has taken what is queued; nil if it has. A channel that is closed before throws that away: the output
    /// too, where the input has ended.
    private func whenSent() -> EventLoopFuture<Void>? {
        guard let channel, let unsent = try? channel.syncOptions?.getOption(.bufferedWritableBytes), unsent > 0 else {
            return nil
        }
        let promise = channel.eventLoop.makePromise(of: Void.self)
        channel.pipeline.syncOperations.writeAndFlush(NIOAny(ByteBuffer()), promise: promise)
        return promise.futureResult
    }

    func sawBytes(_ count: Int) { meters?.received.increment(by: Int64(count)) }
    func sawFailure() { isBroken = true }
    func sawInputClosed() { inputIsClosed = true }
    func sawClosed() {
        isOpen = false
        // The handler holds the session, which holds this.
        handler = nil
    }
}
