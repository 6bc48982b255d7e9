import NIOCore

/// The last handler of every channel of a session: hands what happens to the session, synchronously.
final class PeerHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session: Session
    private let peer: Peer
    private let key: Int

    init(session: Session, peer: Peer, key: Int) {
        self.session = session
        self.peer = peer
        self.key = key
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        receive(session, unwrapInboundIn(data), peer)
    }

    /// Nobody stands behind this handler.
    func channelReadComplete(context: ChannelHandlerContext) {}

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let key = key
        if context.channel.isWritable { session.assumeIsolated { $0.becameWritable(key) } }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        let key = key
        if let event = event as? ChannelEvent, event == .inputClosed { session.assumeIsolated { $0.inputClosed(key) } }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let key = key
        session.assumeIsolated { $0.closed(key) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let key = key
        session.assumeIsolated { $0.failed(key) }
        // A socket error is followed by the close that the session acts upon.
        context.close(promise: nil)
    }
}

/// What `assumeIsolated` does, but once: for each call that makes two closures, and asks the runtime where it is. A session's channels are
/// on its loop, and call from nowhere else.
private let receive = unsafeBitCast(
    take as @Sendable (isolated Session, ByteBuffer, Peer) -> Void, to: (@Sendable (Session, ByteBuffer, Peer) -> Void).self)

private func take(_ session: isolated Session, _ bytes: ByteBuffer, _ peer: Peer) { session.received(bytes, from: peer) }
