import NIOCore

/// The last handler of every channel of a session: hands what happens to the session, synchronously.
final class PeerHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session: Session
    private let key: Int

    init(session: Session, key: Int) {
        self.session = session
        self.key = key
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        let key = key
        session.assumeIsolated { $0.received(bytes, from: key) }
    }

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
