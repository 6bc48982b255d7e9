import Glibc
import NIOCore

/// Hands on what a worker sends in small pieces, no faster than its `ReadingPace` allows; what is not read stays in its socket. Confined to
/// its loop; the first handler of a worker's channel.
final class PacedReading: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Small lines of so many bytes take half a millisecond.
    private static let piece = 4096
    /// After that long the loop's other channels have their turn; what was scheduled for at once would come before them.
    private static let turn: Int64 = 500_000
    private static let shortestRest: Int64 = 100_000

    private var pace: ReadingPace
    private var unread = ByteBuffer()
    private var rests = false
    private var isHandingOn = false
    /// Somebody wanted to read meanwhile.
    private var isAsked = false
    private var alarm: Scheduled<Void>?

    init(share: Double) { pace = ReadingPace(share: share, now: Self.now) }

    private static var now: Int64 { Int64(NIODeadline.now().uptimeNanoseconds) }

    /// What passes while something is done: of the processor if that matters, since that others have it meanwhile is not the worker's doing;
    /// it takes a call of the system.
    private static func work(exactly: Bool) -> Int64 {
        guard exactly else { return now }
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// So many nanoseconds of what is read next were asked for.
    func allow(_ time: Int64) { pace.allow(time) }

    /// Does something that the worker has asked for, as a part of reading from it.
    func charge<Result>(_ body: () -> Result) -> Result {
        // What is done while reading is counted there.
        guard !isHandingOn else { return body() }
        let isTight = pace.isTight
        let before = Self.work(exactly: isTight)
        // The pause that this may need comes with what is read next.
        defer { _ = pace.spent(Self.work(exactly: isTight) - before, now: Self.now) }
        return body()
    }

    /// Succeeds when more may be done for the worker.
    func rested(on loop: any EventLoop) -> EventLoopFuture<Void> {
        let rest = pace.rest(now: Self.now)
        guard rest > 0 else { return loop.makeSucceededVoidFuture() }
        return loop.scheduleTask(in: .nanoseconds(rest)) {}.futureResult
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if unread.readableBytes == 0 { unread = bytes } else { unread.writeBuffer(&bytes) }
        handOn(context)
    }

    func read(context: ChannelHandlerContext) {
        if rests { isAsked = true } else { context.read() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        handOnAll(context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        handOnAll(context)
        context.fireErrorCaught(error)
    }

    private func handOn(_ context: ChannelHandlerContext) {
        let began = Self.now
        while !rests, let piece = unread.readSlice(length: nextPiece), piece.readableBytes > 0 {
            let isTight = pace.isTight
            let before = Self.work(exactly: isTight)
            isHandingOn = true
            context.fireChannelRead(wrapInboundOut(piece))
            isHandingOn = false
            let now = Self.now
            let pause = pace.spent((isTight ? Self.work(exactly: true) : now) - before, now: now)
            let isLong = unread.readableBytes > 0 && now - began > Self.turn
            if pause > 0 || isLong { rest(pause, context) }
        }
    }

    /// So many lines as are short, or one; what is not a whole line yet costs next to nothing.
    private var nextPiece: Int {
        let count = unread.readableBytes
        guard count > Self.piece else { return count }
        return unread.withUnsafeReadableBytes { bytes in
            guard let base = bytes.baseAddress, memchr(base, 0x0A, Self.piece) == nil else { return Self.piece }
            guard let end = memchr(base + Self.piece, 0x0A, count - Self.piece) else { return count }
            return UnsafeRawPointer(end) - base + 1
        }
    }

    private func rest(_ time: Int64, _ context: ChannelHandlerContext) {
        rests = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        alarm = context.eventLoop.scheduleTask(in: .nanoseconds(max(time, Self.shortestRest))) {
            let (reading, context) = bound.value
            reading.rests = false
            reading.handOn(context)
            guard !reading.rests, reading.isAsked else { return }
            reading.isAsked = false
            context.read()
        }
    }

    /// Nothing more will come.
    private func handOnAll(_ context: ChannelHandlerContext) {
        alarm?.cancel()
        guard unread.readableBytes > 0 else { return }
        let rest = unread
        unread = ByteBuffer()
        context.fireChannelRead(wrapInboundOut(rest))
    }
}
