import FlowModel
import Glibc
import NIOCore

/// A server's side of an association: a socket of its own, at a port that the system chose at random. It is connected, so that only what
/// comes from that server's address and port is taken. Confined to its loop.
public final class DatagramServer: ChannelInboundHandler, @unchecked Sendable {
    public typealias InboundIn = AddressedEnvelope<ByteBuffer>
    public typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    public internal(set) var record: Server { didSet { frozen = nil } }
    private var frozen: Frozen<Server>?
    private var channel: (any Channel)?
    private var address: SocketAddress?
    /// Called when the socket is closed, by whom ever.
    private let whenClosed: (DatagramServer) -> Void

    /// Who takes what the server sends.
    public var received: ((ByteBuffer) -> Void)?
    /// Told of what the network says about datagrams that did not arrive, such as that nobody listens. More may arrive all the same.
    public var undelivered: ((ProxyFailure) -> Void)?

    init(_ record: Server, whenClosed: @escaping (DatagramServer) -> Void) {
        self.record = record
        self.whenClosed = whenClosed
    }

    /// The record as flows share it.
    public var frozenRecord: Frozen<Server> {
        if let frozen { return frozen }
        let new = Frozen(record)
        frozen = new
        return new
    }

    public var isOpen: Bool { channel != nil }

    /// False if the datagram was dropped because too many wait to be sent.
    @discardableResult
    public func write(_ bytes: ByteBuffer) -> Bool {
        guard let channel, let address, channel.isWritable else { return false }
        channel.writeAndFlush(AddressedEnvelope(remoteAddress: address, data: bytes), promise: nil)
        return true
    }

    public func close() { channel?.close(promise: nil) }

    // MARK: The channel

    public func channelActive(context: ChannelHandlerContext) {
        channel = context.channel
        address = context.channel.remoteAddress
        record.peername = Address(address)
        record.sockname = Address(context.channel.localAddress)
        record.timestampTCPSetup = WallClock.now
        context.fireChannelActive()
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received?(unwrapInboundIn(data).data.ofItsSize)
    }

    public func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
        undelivered?(ProxyFailure(.connect, fault: .server, "\(record.address?.description ?? "the server"): \(reason)"))
    }

    public func channelInactive(context: ChannelHandlerContext) {
        guard channel != nil else { return }
        channel = nil
        undelivered?(
            ProxyFailure(.closed, fault: .server, "\(record.address?.description ?? "the server"): the socket was closed"))
        (received, undelivered) = (nil, nil)
        record.timestampEnd = WallClock.now
        whenClosed(self)
        context.fireChannelInactive()
    }
}

extension ByteBuffer {
    /// The same bytes in no more memory than they need: sockets read into buffers that hold the largest datagram.
    var ofItsSize: ByteBuffer { readableBytes < capacity / 2 ? ByteBuffer(bytes: readableBytesView) : self }
}
