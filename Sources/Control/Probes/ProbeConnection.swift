import FlowModel
import HTTP1
import HTTPExchange
import NIOCore

/// One client of the probes' address: one request after another, each bounded in size and time. Confined to its loop.
final class ProbeConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The bounds of one connection.
    struct Bounds {
        /// From the connection, or from the first byte that follows an answer, to the end of a request.
        var request = TimeAmount.seconds(5)
        /// Until an answer is made, and until the client has taken it.
        var answer = TimeAmount.seconds(10)
        /// Between two requests.
        var idle = TimeAmount.seconds(120)
        var limits = Limits()

        init() {
            limits.requestLine = 2048
            limits.fieldLine = 4096
            limits.head = 16384
            limits.fields = 64
        }
    }

    private let sources: ProbeSources
    private let isLocal: Bool
    private let bounds: Bounds
    private var parser: RequestParser
    private var request: (head: RequestHead, framing: Framing)?
    private var context: ChannelHandlerContext?
    private var alarm: Scheduled<Void>?
    /// Whether an answer is being made or taken.
    private var isAnswering = false
    /// Whether nothing of a request has come since the last answer.
    private var isIdle = false

    init(_ sources: ProbeSources, isLocal: Bool, bounds: Bounds = Bounds()) {
        self.sources = sources
        self.isLocal = isLocal
        self.bounds = bounds
        parser = RequestParser(limits: bounds.limits)
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        expect(within: bounds.request)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        parser.received(unwrapInboundIn(data))
        if isIdle { expect(within: bounds.request) }
        isIdle = false
        advance()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else { return }
        parser.inputClosed()
        advance()
    }

    func channelInactive(context: ChannelHandlerContext) {
        alarm?.cancel()
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func advance() {
        while !isAnswering, let context {
            switch parser.next() {
            case .needMore: return
            case .closed: return context.close(promise: nil)
            case .failed(let failure):
                return send(ProbeAnswer(status: failure.suggestedStatus, ["\(failure)"]), persists: false)
            case .head(let head, let framing): request = (head, framing)
            // What has a body is refused before it is read.
            case .body: return context.close(promise: nil)
            case .end: answer()
            }
            if let request, request.framing != .none { answer() }
        }
    }

    private func answer() {
        guard let context, let request else { return }
        isAnswering = true
        let question: ProbeQuestion
        do throws(ProbeQuestion.Refusal) {
            question = try ProbeQuestion(request.head, request.framing, isLocal: isLocal)
        } catch {
            return send(ProbeAnswer(error), persists: request.framing == .none)
        }
        let handle = NIOLoopBound(self, eventLoop: context.eventLoop)
        let promise = context.eventLoop.makePromise(of: ProbeAnswer.self)
        alarm?.cancel()
        alarm = context.eventLoop.scheduleTask(in: bounds.answer) {
            promise.succeed(ProbeAnswer(status: 503, ["an event loop does not answer"]))
        }
        sources.answer(question, on: context.eventLoop).cascade(to: promise)
        promise.futureResult.whenComplete { result in
            let failed = ProbeAnswer(status: 500, ["the answer could not be made"])
            handle.value.send((try? result.get()) ?? failed, persists: true)
        }
    }

    private func send(_ answer: ProbeAnswer, persists: Bool) {
        guard let context else { return }
        isAnswering = true
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        let method = request?.head.method ?? "GET"
        let version = request?.head.version ?? .http11
        let goesOn = persists && request.map { Persistence.persists($0.head.version, $0.head.headers) } == true
        request = nil
        var headers = Headers()
        headers.append(name: "Content-Type", value: ByteString(answer.mediaType))
        headers.append(name: "Cache-Control", value: "no-store")
        headers.append(name: "X-Content-Type-Options", value: "nosniff")
        headers.append(name: "Content-Length", value: ByteString("\(answer.body.count)"))
        Persistence.apply(to: &headers, persists: goesOn, peer: version)
        var buffer = context.channel.allocator.buffer(capacity: answer.body.count + 256)
        let reason = ByteString(StatusText.of(answer.status))
        MessageWriter.write(ResponseHead(status: answer.status, reason: reason, headers: headers), into: &buffer)
        if method != "HEAD" { buffer.writeBytes(answer.body) }
        // The client must take it; who does not loses the connection.
        expect(within: bounds.answer)
        let handle = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(buffer)).whenComplete { _ in handle.value.sent(goesOn) }
    }

    private func sent(_ goesOn: Bool) {
        guard let context else { return }
        guard goesOn else { return context.close(promise: nil) }
        (isAnswering, isIdle) = (false, true)
        try? context.channel.syncOptions?.setOption(.autoRead, value: true)
        expect(within: bounds.idle)
        advance()
    }

    /// Closes the connection if nothing that counts comes in time.
    private func expect(within time: TimeAmount) {
        alarm?.cancel()
        alarm = context?.eventLoop.assumeIsolated().scheduleTask(in: time) { [weak self] in
            self?.context?.close(promise: nil)
        }
    }
}
