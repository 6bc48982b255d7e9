import NIOCore
import Sockets

/// Who wants to know how a handshake ended.
public protocol TLSHandlerDelegate: AnyObject {
    /// The handshake is complete; plaintext follows when this returns, so the handlers for it must be added in here.
    func tlsEstablished(_ connection: TLSConnection)

    /// There will be no TLS; the handler closes the channel when this returns.
    func tlsFailed(_ failure: TLSFailure)
}

/// Puts a ``TLSConnection`` into a pipeline: ciphertext towards the channel, plaintext towards the next handler.
///
/// Works in either role, and may be added to a channel that is already up; bytes read before that go to
/// ``receiveHeldBytes(_:)``. Writes are held until the handshake is complete, and then until they are flushed: small ones
/// share a record. The handshake has no deadline of its own: close the channel when it takes too long. The delegate hears of
/// exactly one outcome, on the loop, perhaps while the handler is being added; a later failure is fired as an error and closes
/// the channel.
///
/// close_notify from the peer is fired as `ChannelEvent.inputClosed`; our side stays open until somebody closes it.
/// An end without it is only the channel's own end, and ``sawCloseNotify`` stays false.
public final class TLSHandler: ChannelDuplexHandler, RemovableChannelHandler {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = ByteBuffer
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    /// How long a close waits for the socket to take our close_notify.
    private static let closePatience = TimeAmount.seconds(5)
    /// Bytes of several writes that go into one record, at most.
    private static let sharedRecord = 8 * 1024

    private let connection: TLSConnection
    private var delegate: (any TLSHandlerDelegate)?
    private var state = StateMachine()
    private var context: ChannelHandlerContext?
    private let isAtSocket: Bool
    private var output: DirectOutput?
    private var held = CircularBuffer<(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)>(initialCapacity: 1)
    /// Of the writes encrypted since the last flight.
    private var flightPromise: EventLoopPromise<Void>?
    private var hasDelivered = false
    private var mustTellInputClosed = false

    /// `isAtSocket` says that nothing stands between the handler and the channel's socket.
    public init(connection: TLSConnection, delegate: any TLSHandlerDelegate, isAtSocket: Bool = false) {
        self.connection = connection
        self.delegate = delegate
        self.isAtSocket = isAtSocket
    }

    /// Whether the peer ended its side properly; false at the channel's end means that data may be missing.
    public var sawCloseNotify: Bool { connection.sawCloseNotify }

    /// Takes bytes that were read from the channel before this handler was added; they come before all others.
    public func receiveHeldBytes(_ bytes: ByteBuffer) {
        connection.receive(bytes)
        guard let context else { return }
        advance(context)
        endBatch(context)
    }

    public func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if isAtSocket { output = DirectOutput(context.channel) }
        if context.channel.isActive { begin(context) }
    }

    public func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        delegate = nil
        failHeld(ChannelError.ioOnClosedChannel)
    }

    public func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    public func channelInactive(context: ChannelHandlerContext) {
        tellInputClosed(context)
        if state.isHandshaking {
            fail(.closedDuringHandshake(isServer: connection.role == .server), context)
        }
        _ = state.close(.all)
        failHeld(ChannelError.ioOnClosedChannel)
        context.fireChannelInactive()
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.receive(unwrapInboundIn(data))
        advance(context)
    }

    public func channelReadComplete(context: ChannelHandlerContext) { endBatch(context) }

    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event as? ChannelEvent == .inputClosed else { return context.fireUserInboundEventTriggered(event) }
        switch state.channelInputClosed() {
        case .tell: context.fireUserInboundEventTriggered(event)
        case .failHandshake: fail(.closedDuringHandshake(isServer: connection.role == .server), context)
        case .ignore: break
        }
    }

    public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes = unwrapOutboundIn(data)
        switch state.write() {
        case .hold: hold(bytes, promise)
        case .fail: promise?.fail(ChannelError.outputClosed)
        }
    }

    public func flush(context: ChannelHandlerContext) {
        if state.canWrite { releaseHeld(context) }
        sendFlight(context)
    }

    public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if state.canWrite { releaseHeld(context) }
        switch state.close(mode) {
        case .closeNotify: sayGoodbye(context, mode, promise)
        case .pass: context.close(mode: mode, promise: promise)
        case .abandonHandshake:
            fail(TLSFailure(.closedDuringHandshake, reason: "closed by us before the TLS handshake ended"), context, promise)
        }
    }
}

extension TLSHandler {
    private func begin(_ context: ChannelHandlerContext) {
        guard state.channelActive() else { return }
        advance(context)
        sendFlight(context)
        // The handshake must go on even if nobody further along wants to read yet.
        context.read()
    }

    /// Does everything the received bytes allow, and sends nothing yet.
    private func advance(_ context: ChannelHandlerContext) {
        if state.isHandshaking {
            switch connection.handshake() {
            case .incomplete: return
            case .failed(let failure): return fail(failure, context)
            case .complete:
                state.handshakeCompleted()
                delegate?.tlsEstablished(connection)
                delegate = nil
                if state.canWrite { releaseHeld(context) }
            }
        }
        if state.canRead { readPlaintext(context) }
    }

    private func readPlaintext(_ context: ChannelHandlerContext) {
        // None is kept for the next read: an idle connection has none.
        var plaintext = ByteBufferAllocator().buffer(capacity: connection.receivedCount)
        var outcome = TLSConnection.Read.needMore
        repeat { outcome = connection.read(into: &plaintext) } while outcome.isBytes
        if plaintext.readableBytes > 0 {
            hasDelivered = true
            context.fireChannelRead(wrapInboundOut(plaintext))
        }
        switch outcome {
        case .bytes: break
        case .needMore: if state.canWrite { releaseHeld(context) }
        case .closed:
            // The next handler may have closed everything on seeing the last bytes.
            mustTellInputClosed = state.canRead
            state.receivedCloseNotify()
        case .failed(let failure): fail(failure, context)
        }
    }

    private func endBatch(_ context: ChannelHandlerContext) {
        sendFlight(context)
        if hasDelivered {
            hasDelivered = false
            context.fireChannelReadComplete()
        } else if !mustTellInputClosed {
            // Whoever asked for this read got nothing from it.
            context.read()
        }
        tellInputClosed(context)
    }

    private func tellInputClosed(_ context: ChannelHandlerContext) {
        guard mustTellInputClosed else { return }
        mustTellInputClosed = false
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    /// A record costs more to make and to read than a copy of what is in it.
    private func hold(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        guard let last = held.last, last.bytes.readableBytes + bytes.readableBytes <= Self.sharedRecord else {
            return held.append((bytes, promise))
        }
        held.modify(held.index(before: held.endIndex)) { last in
            last.bytes.writeImmutableBuffer(bytes)
            last.promise.setOrCascade(to: promise)
        }
    }

    /// False if the bytes must wait for the peer.
    private func encrypt(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) -> Bool {
        switch connection.write(bytes) {
        case .blocked: return false
        case .done: flightPromise.setOrCascade(to: promise)
        case .failed(let failure):
            promise?.fail(failure)
            fail(failure, context)
        }
        return true
    }

    private func releaseHeld(_ context: ChannelHandlerContext) {
        while let next = held.popFirst() {
            guard encrypt(next.bytes, next.promise, context) else { return held.prepend(next) }
        }
    }

    /// Writes what OpenSSL has ready, at most one write.
    private func sendFlight(_ context: ChannelHandlerContext) {
        let promise = flightPromise
        flightPromise = nil
        if var flight = connection.takeCiphertext() {
            if output?.send(&flight, past: context.channel) == true { return promise?.succeed() ?? () }
            context.writeAndFlush(wrapOutboundOut(flight), promise: promise)
        } else if let promise {
            // Only empty buffers were written; they still keep their place behind earlier flights.
            context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
        }
    }

    /// Sends close_notify, and closes when the socket has taken it: a close would throw away what is still queued.
    private func sayGoodbye(_ context: ChannelHandlerContext, _ mode: CloseMode, _ promise: EventLoopPromise<Void>?) {
        connection.shutdown()
        let sent = context.eventLoop.makePromise(of: Void.self)
        flightPromise.setOrCascade(to: sent)
        var timer: Scheduled<Void>?
        var isDone = false
        let finish = {
            guard !isDone else { return }
            isDone = true
            timer?.cancel()
            context.close(mode: mode, promise: promise)
        }
        sendFlight(context)
        sent.futureResult.assumeIsolated().whenComplete { _ in finish() }
        guard mode == .all, !isDone else { return }
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.closePatience, finish)
    }

    /// Sends the alert, if there is one, reports, and closes the channel.
    private func fail(_ failure: TLSFailure, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>? = nil) {
        let report = state.failed()
        sendFlight(context)
        switch report {
        case .reportHandshake:
            delegate?.tlsFailed(failure)
            delegate = nil
        case .reportError: context.fireErrorCaught(failure)
        case .ignore: return
        }
        failHeld(failure)
        context.close(mode: .all, promise: promise)
    }

    private func failHeld(_ error: any Error) {
        flightPromise?.fail(error)
        flightPromise = nil
        while let next = held.popFirst() { next.promise?.fail(error) }
    }
}
