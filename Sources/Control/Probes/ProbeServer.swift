import FlowModel
import Glibc
import NIOCore
import NIOPosix
import ProxyKernel

/// The probes' address. It has a thread of its own: it answers while the proxy's loops are busy, and takes no time of theirs but for
/// what it asks them.
public final class ProbeServer: Sendable {
    /// Why it cannot listen: a sentence for people.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Connections at a time; more are closed at once.
    private static let maximumConnections = 64

    /// As the system gave it.
    public let address: ProbeAddress
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel

    private init(_ address: ProbeAddress, _ group: MultiThreadedEventLoopGroup, _ channel: any Channel) {
        self.address = address
        self.group = group
        self.channel = channel
    }

    public static func open(_ address: ProbeAddress, _ sources: ProbeSources) async throws(Failure) -> ProbeServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let channel: any Channel
            switch address {
            case .tcp(let place):
                channel = try await bootstrap(group, sources, isLocal: false).bind(host: place.host, port: place.port).get()
                return ProbeServer(.tcp(Address(channel.localAddress)), group, channel)
            case .unix(let path):
                try SocketFile.clear(path)
                channel = try await bootstrap(group, sources, isLocal: true).bind(unixDomainSocketPath: path).get()
                chmod(path, 0o660)
                return ProbeServer(address, group, channel)
            }
        } catch {
            try? await group.shutdownGracefully()
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw Failure(description: "option metrics_listen: cannot listen at \(address): \(reason)")
        }
    }

    public func close() async {
        try? await channel.close()
        if case .unix(let path) = address { unlink(path) }
        try? await group.shutdownGracefully()
    }

    private static func bootstrap(
        _ group: MultiThreadedEventLoopGroup, _ sources: ProbeSources, isLocal: Bool
    ) -> ServerBootstrap {
        let open = NIOLoopBoundBox.makeBoxSendingValue(0, eventLoop: group.next())
        return ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
            .childChannelInitializer { channel in
                guard open.value < maximumConnections else { return channel.eventLoop.makeFailedFuture(ChannelError.eof) }
                open.value += 1
                channel.closeFuture.whenComplete { _ in open.value -= 1 }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ProbeConnection(sources, isLocal: isLocal))
                }
            }
    }
}
