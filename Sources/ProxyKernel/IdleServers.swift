import FlowModel
import NIOCore
import Schema
import TLSEngine

/// Connections to servers that clients have left behind and that may carry the requests of others. One an event loop; confined to it.
public final class IdleServers {
    private var kept: [KeptServer] = []
    private var check: Scheduled<Void>?

    init() {}

    /// Takes in a connection on which nothing is outstanding. With `limit` of them there, the oldest has to go.
    func keep(_ server: KeptServer, limit: Int, for seconds: Int) {
        do {
            try server.channel.pipeline.syncOperations.addHandler(server)
        } catch {
            return server.ended()
        }
        server.whenClosed = { [weak self, unowned server] in self?.kept.removeAll { $0 === server } }
        server.deadline = .now() + .seconds(Int64(seconds))
        kept.append(server)
        if kept.count > limit { kept[0].channel.close(mode: .all, promise: nil) }
        if check == nil { checkLater(server.channel.eventLoop) }
    }

    /// The connection with that key that was used last, given away. HTTP/2 is offered to a server as its client wants it.
    func take(_ key: ServerKey, offersHTTP2: Bool) -> KeptServer? {
        guard let index = kept.lastIndex(where: { $0.key == key && $0.offeredHTTP2 == offersHTTP2 && $0.channel.isActive }) else {
            return nil
        }
        let server = kept.remove(at: index)
        server.leave()
        return server
    }

    /// One timer for all: they are in the order of their deadlines, unless the option was changed.
    private func checkLater(_ loop: any EventLoop) {
        guard let next = kept.map(\.deadline).min() else { return check = nil }
        check = loop.assumeIsolated().scheduleTask(deadline: next) { [weak self] in
            guard let self else { return }
            for server in kept where server.deadline <= .now() { server.channel.close(mode: .all, promise: nil) }
            checkLater(loop)
        }
    }
}

/// One of them: at the end of its channel's pipeline, where a session's handler was. A server that says something unasked is closed.
final class KeptServer: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    let channel: any Channel
    let key: ServerKey
    let record: Server
    let certificate: Certificate?
    /// Whether nothing stands between the socket and whoever takes it.
    let isBare: Bool
    var deadline = NIODeadline.distantFuture
    var whenClosed: (() -> Void)?
    private let meters: ProxyMeters

    init(_ channel: any Channel, of server: ServerConnection, _ meters: ProxyMeters) {
        self.channel = channel
        self.meters = meters
        key = server.key
        record = server.record
        isBare = server.peer.isBare
        certificate = server.upstreamCertificate
    }

    var offeredHTTP2: Bool { record.tls.alpnOffers.contains("h2") }

    /// Makes way for the handler of the session that takes it.
    func leave() {
        whenClosed = nil
        channel.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func ended() {
        meters.openServerConnections.decrement()
        whenClosed?()
        whenClosed = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.close(promise: nil) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
