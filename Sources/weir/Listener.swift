import FlowModel
import Glibc
import NIOCore
import NIOPosix
import ProxyKernel
import Schema

/// The proxy's listening sockets at work.
final class Listener {
    /// Connections that wait to be accepted, at most.
    private static let backlog: CInt = 4096

    private let group: MultiThreadedEventLoopGroup
    private let services: Services
    private let port: @Sendable (any EventLoop) -> any HookPort
    /// What takes datagrams, by the modes.
    private let datagramLayers: [DatagramLayer]
    private var channels: [any Channel] = []
    private var datagramChannels: [any Channel] = []
    private var datagramPorts: [(port: DatagramPort, isInherited: Bool)] = []
    /// Those that are open, for a successor.
    private(set) var sockets: [ListeningSocket] = []

    init(
        group: MultiThreadedEventLoopGroup, services: Services, datagramLayers: [DatagramLayer],
        port: @escaping @Sendable (any EventLoop) -> any HookPort
    ) {
        self.group = group
        self.services = services
        self.datagramLayers = datagramLayers
        self.port = port
    }

    /// Takes clients on a mode's sockets, and owns these from then on; the result is the first one's address as the system gave it.
    func open(
        _ mode: ModeSpec, _ sockets: [ListeningSocket], _ settings: Settings
    ) async throws(ListeningSockets.Failure) -> Address {
        do { return try await open(mode, sockets) } catch { throw ListeningSockets.refusal(mode, settings, error) }
    }

    private func open(_ mode: ModeSpec, _ sockets: [ListeningSocket]) async throws -> Address {
        var address: Address?
        for socket in sockets {
            let channel =
                switch socket.transport {
                case .tcp: try await openStreams(mode, socket)
                case .udp: try await openDatagrams(mode, socket)
                }
            let place = Address(channel.localAddress)
            address = address ?? place
            services.ownAddresses.add(place, socket.transport)
            self.sockets.append(socket)
        }
        return address ?? Address(host: "", port: 0)
    }

    private func openStreams(_ mode: ModeSpec, _ socket: ListeningSocket) async throws -> any Channel {
        let executors = Dictionary(uniqueKeysWithValues: group.makeIterator().map { (ObjectIdentifier($0), LoopExecutor($0)) })
        let bootstrap = ServerBootstrap(group: group)
            .childChannelInitializer { [services, port] channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let executor = executors[ObjectIdentifier(channel.eventLoop)] else { throw ChannelError.eof }
                    // What is received first is small, and the buffer for it stays with an idle connection.
                    try channel.becomeStream(firstRead: 256)
                    try Session.accept(
                        channel, mode: mode, services: services, hooks: port(channel.eventLoop), executor: executor)
                }
            }
        if !socket.isInherited, listen(socket.number, Self.backlog) != 0 { throw IOError(errnoCode: errno, reason: "listen") }
        let channel = try await bootstrap.withBoundSocket(socket.number).get()
        channels.append(channel)
        return channel
    }

    /// One socket, on one loop: all datagrams of a client are taken there.
    private func openDatagrams(_ mode: ModeSpec, _ socket: ListeningSocket) async throws -> any Channel {
        guard let layer = datagramLayers.first(where: { $0.claims(mode.kind) }) else {
            throw IOError(errnoCode: EPROTONOSUPPORT, reason: "nothing takes its datagrams")
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
        let channel = try await bootstrap.withBoundSocket(socket.number).get()
        datagramChannels.append(channel)
        datagramPorts.append((port, socket.isInherited))
        return channel
    }

    /// Leaves what comes to another process that has the sockets, or takes it again.
    func setAccepting(_ accepts: Bool) async {
        for channel in channels + datagramChannels { try? await channel.setOption(.autoRead, value: accepts).get() }
    }

    /// Accepts no more connections; UDP ports stay open for what is under way, see `drain`.
    func close() async {
        for channel in channels { try? await channel.close().get() }
        channels = []
        sockets = []
    }

    /// Lets present exchanges end, for as long as `patience` says, then closes what is left. `isReplaced` says that another process
    /// takes the clients of all sockets from now on. `waiting` is told now and then how many sessions are left.
    func drain(_ patience: Duration, isReplaced: Bool, waiting: (Int) -> Void) async {
        // Where another process serves, nobody waits for this one's end: a client that was not run for a while is still heard.
        let silence = Self.silence(patience, part: isReplaced ? 3 : 30)
        services.sessions.drain(silence: silence)
        for (port, isInherited) in datagramPorts {
            port.loop.execute { port.drain(silence: silence, leavesRest: isReplaced || isInherited) }
        }
        await waitUntilQuiet(patience, waiting)
        services.sessions.close()
        for (port, _) in datagramPorts { port.loop.execute { port.close() } }
        await waitUntilQuiet(.seconds(1), waiting)
    }

    /// How long a connection must have been idle to be closed, a part of the whole and at most a second: its client may be sending a
    /// request just now.
    static func silence(_ patience: Duration, part count: Int) -> TimeAmount {
        let part = patience / count
        let nanoseconds = part.components.seconds * 1_000_000_000 + part.components.attoseconds / 1_000_000_000
        return .nanoseconds(max(1_000_000, min(1_000_000_000, nanoseconds)))
    }

    private func waitUntilQuiet(_ patience: Duration, _ waiting: (Int) -> Void) async {
        let begin = ContinuousClock.now
        var told = begin
        while !isQuiet, ContinuousClock.now < begin + patience {
            try? await Task.sleep(for: .milliseconds(10))
            guard ContinuousClock.now >= told + .seconds(1) else { continue }
            told = .now
            waiting(services.sessions.count)
        }
    }

    private var isQuiet: Bool { services.sessions.count == 0 && datagramPorts.allSatisfy(\.port.isQuiet) }
}
