import Glibc
import NIOCore

/// Leaves in a channel's socket what its reader has no room for, also once the peer has sent its last byte. Confined to the channel's loop.
///
/// A channel that sees the end coming reads all that is before it, whoever wants that: tens of MiB, where the system's buffers are large.
/// So a channel whose reader pauses is told that there is nothing more; what is unread then is read here, when the reader goes on, and
/// the end is reported behind it. Stands at the head of the channel's pipeline, from the first pause on.
public final class UnreadInput: ChannelDuplexHandler, @unchecked Sendable {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = ByteBuffer
    public typealias OutboundIn = ByteBuffer

    /// Whether the reader wants nothing for now.
    public var isPaused = false { didSet { if !isPaused { readSoon() } } }
    private let socket: CInt
    private var context: ChannelHandlerContext?
    /// Whether the channel has ceased to read before the end.
    private(set) var isLeft = false
    private var readIsDue = false
    /// Who wants to close the output: a channel closes altogether then, since it takes its input for ended.
    private var waitingCloses: [EventLoopPromise<Void>?] = []

    /// What is read at once.
    private static let piece = 256 * 1024

    private init(_ socket: CInt) { self.socket = socket }

    /// The channel's one, put in where there is none so far; nil if the channel is none of a socket's.
    public static func of(_ channel: any Channel) throws -> UnreadInput? {
        let pipeline = channel.pipeline.syncOperations
        if let present = try? pipeline.handler(type: UnreadInput.self) { return present }
        guard let socket = channel.socketNumber, let options = channel.syncOptions else { return nil }
        let input = UnreadInput(socket)
        try pipeline.addHandler(input, position: .first)
        try options.setOption(.recvAllocator, value: Buffers(input: input, usual: options.getOption(.recvAllocator)))
        return input
    }

    public func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    public func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        for promise in waitingCloses { promise?.fail(ChannelError.ioOnClosedChannel) }
        waitingCloses = []
    }

    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if isLeft, event as? ChannelEvent == .inputClosed { return readSoon() }
        context.fireUserInboundEventTriggered(event)
    }

    /// The channel says this before it closes for a failure of its socket: the last moment at which the socket can be read.
    public func channelReadComplete(context: ChannelHandlerContext) {
        while isLeft, context.channel.isActive, events & Self.failures != 0 { read(context) }
        context.fireChannelReadComplete()
    }

    public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if isLeft, mode == .output { waitingCloses.append(promise) } else { context.close(mode: mode, promise: promise) }
    }
}

extension UnreadInput {
    /// Once the peer has ended its side all that it sent is here; nothing is left of a connection that has failed or ends both ways. An end
    /// with nothing before it is reported at once.
    fileprivate var mayLeave: Bool { isPaused && !isLeft && events == Self.peerHasEnded && hasBytes }

    private var hasBytes: Bool {
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, CInt(MSG_PEEK | MSG_DONTWAIT)) == 1
    }

    /// POLLRDHUP, which Glibc's module does not show.
    private static let peerHasEnded: Int16 = 0x2000
    private static let failures = Int16(POLLHUP | POLLERR)

    private var events: Int16 {
        var asked = pollfd(fd: socket, events: Self.peerHasEnded, revents: 0)
        return poll(&asked, 1, 0) == 1 ? asked.revents : 0
    }

    fileprivate func leave() { isLeft = true }

    private func readSoon() {
        guard isLeft, !isPaused, !readIsDue, let context else { return }
        readIsDue = true
        context.eventLoop.assumeIsolated().execute {
            self.readIsDue = false
            guard self.isLeft, !self.isPaused, let context = self.context, context.channel.isActive else { return }
            self.read(context)
            context.fireChannelReadComplete()
            self.readSoon()
        }
    }

    /// Reads one piece, or the end.
    private func read(_ context: ChannelHandlerContext) {
        var bytes = context.channel.allocator.buffer(capacity: Self.piece)
        var failure: CInt?
        let count = bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.piece) { room in
            let count = recv(socket, room.baseAddress, Self.piece, CInt(MSG_DONTWAIT))
            if count < 0 { failure = errno }
            return max(0, count)
        }
        if count > 0 { return context.fireChannelRead(wrapInboundOut(bytes)) }
        isLeft = false
        if let failure {
            context.fireErrorCaught(IOError(errnoCode: failure, reason: "recv"))
        } else {
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
        for promise in waitingCloses { context.close(mode: .output, promise: promise) }
        waitingCloses = []
    }
}

/// Where the channel reads to: a buffer without room makes it see the end.
private struct Buffers: RecvByteBufferAllocator, @unchecked Sendable {
    unowned let input: UnreadInput
    var usual: any RecvByteBufferAllocator

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        guard input.mayLeave else { return usual.buffer(allocator: allocator) }
        input.leave()
        return allocator.buffer(capacity: 0)
    }

    /// True, so that the channel asks for a buffer rather than take the last one, where there is no next size.
    mutating func record(actualReadBytes: Int) -> Bool {
        _ = usual.record(actualReadBytes: actualReadBytes)
        return true
    }

    func nextBufferSize() -> Int? { input.mayLeave ? nil : usual.nextBufferSize() }
}
