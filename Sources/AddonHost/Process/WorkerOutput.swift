import NIOCore

/// Reads what a worker prints and hands it on in lines. Confined to the worker's loop.
final class WorkerOutput: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = Never

    private var lines: OutputLines
    private let line: (String) -> Void
    private let finished: () -> Void

    init(lines: OutputLines, line: @escaping (String) -> Void, finished: @escaping () -> Void) {
        self.lines = lines
        self.line = line
        self.finished = finished
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lines.received(unwrapInboundIn(data).readableBytesView, now: MonotonicClock.now).forEach(line)
    }

    func channelInactive(context: ChannelHandlerContext) {
        lines.finished(now: MonotonicClock.now).forEach(line)
        finished()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
