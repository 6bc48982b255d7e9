import FlowModel
import NIOCore
import NIOPosix
import ProxyKernel
import Schema

/// The proxy's listening sockets.
final class Listener {
    private let group: MultiThreadedEventLoopGroup
    private let services: Services
    private let port: @Sendable (any EventLoop) -> any HookPort
    /// What takes datagrams, by the modes.
    private let datagramLayers: [DatagramLayer]
    private var channels: [any Channel] = []
    private var datagramPorts: [DatagramPort] = []

    init(
        group: MultiThreadedEventLoopGroup, services: Services, datagramLayers: [DatagramLayer],
        port: @escaping @Sendable (any EventLoop) -> any HookPort
    ) {
        self.group = group
        self.services = services
        self.datagramLayers = datagramLayers
        self.port = port
    }

    /// Why a port cannot be opened: a sentence for people.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Opens the mode's sockets, all on one port; the result is their address as the system gave it.
    func open(_ mode: ModeSpec, settings: Settings) async throws(Failure) -> Address {
        let host = mode.listenHost ?? settings[ProxyOptions.table.listenHost]
        let number = mode.listenPort ?? settings[ProxyOptions.table.listenPort] ?? mode.kind.defaultPort
        do {
            var address: Address?
            for transport in mode.kind.transports {
                let port = address?.port ?? number
                let channel =
                    switch transport {
                    case .tcp: try await openStreams(mode, host, port)
                    case .udp: try await openDatagrams(mode, host, port)
                    }
                address = Address(channel.localAddress)
                services.ownAddresses.add(Address(channel.localAddress), transport)
            }
            return address ?? Address(host: host, port: number)
        } catch {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw Failure(description: "cannot listen at \(host.isEmpty ? "*" : host):\(number) for mode \(mode): \(reason)")
        }
    }

    private func openStreams(_ mode: ModeSpec, _ host: String, _ number: Int) async throws -> any Channel {
        let executors = Dictionary(uniqueKeysWithValues: group.makeIterator().map { (ObjectIdentifier($0), LoopExecutor($0)) })
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            // What is received first is small; the allocator keeps buffers of this size for an idle connection.
            .childChannelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 512, maximum: 65536))
            .childChannelInitializer { [services, port] channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let executor = executors[ObjectIdentifier(channel.eventLoop)] else { throw ChannelError.eof }
                    try Session.accept(
                        channel, mode: mode, services: services, hooks: port(channel.eventLoop), executor: executor)
                }
            }
        let channel = try await bind(host) { try await bootstrap.bind(host: $0, port: number).get() }
        channels.append(channel)
        return channel
    }

    /// One socket, on one loop: all datagrams of a client are taken there.
    private func openDatagrams(_ mode: ModeSpec, _ host: String, _ number: Int) async throws -> any Channel {
        guard let layer = datagramLayers.first(where: { $0.claims(mode.kind) }) else {
            throw Failure(description: "nothing takes its datagrams")
        }
        let loop = group.next()
        let port = DatagramPort(
            mode: mode, layer: layer, services: services, hooks: port(loop), executor: LoopExecutor(loop))
        let bootstrap = DatagramBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: DatagramPort.maximumDatagram))
            // Many clients share the socket: what comes while the loop is busy must have room.
            .channelOption(.socketOption(.so_rcvbuf), value: 4 << 20)
            .channelOption(.maxMessagesPerRead, value: 64)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(port) }
            }
        let channel = try await bind(host) { try await bootstrap.bind(host: $0, port: number).get() }
        datagramPorts.append(port)
        return channel
    }

    /// No host means all addresses: both families where there is IPv6, else IPv4.
    private func bind(_ host: String, _ body: (String) async throws -> any Channel) async throws -> any Channel {
        guard host.isEmpty else { return try await body(host) }
        do {
            return try await body("::")
        } catch let error as IOError where [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.errnoCode) {
            return try await body("0.0.0.0")
        }
    }

    /// Accepts no more connections; UDP ports stay open for what is under way, see `drain`.
    func close() async {
        for channel in channels { try? await channel.close().get() }
        channels = []
    }

    /// Lets present exchanges end, for at most five seconds, then closes what is left.
    func drain() async {
        services.sessions.drain()
        for port in datagramPorts { port.loop.execute { port.drain() } }
        await waitUntilQuiet(.seconds(5))
        services.sessions.close()
        for port in datagramPorts { port.loop.execute { port.close() } }
        await waitUntilQuiet(.seconds(1))
    }

    private func waitUntilQuiet(_ patience: Duration) async {
        let end = ContinuousClock.now + patience
        while !isQuiet, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(10)) }
    }

    private var isQuiet: Bool { services.sessions.count == 0 && datagramPorts.allSatisfy(\.isQuiet) }
}
