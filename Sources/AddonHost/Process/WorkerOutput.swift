import NIOCore

/// Reads what a worker prints and hands it on in lines. Confined to the worker's loop.
final class WorkerOutput: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = Never

    private var lines: OutputLines
    private let line: (String) -> Void
    private let refused: (Int) -> Void
    private let finished: () -> Void

    /// `refused` is told how many lines did not pass.
    init(
        lines: OutputLines, line: @escaping (String) -> Void, refused: @escaping (Int) -> Void,
        finished: @escaping () -> Void
    ) {
        self.lines = lines
        self.line = line
        self.refused = refused
        self.finished = finished
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let before = lines.refused
        lines.received(unwrapInboundIn(data).readableBytesView, now: MonotonicClock.now).forEach(line)
        if lines.refused > before { refused(lines.refused - before) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        lines.finished(now: MonotonicClock.now).forEach(line)
        finished()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
