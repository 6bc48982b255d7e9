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
    private var channels: [any Channel] = []

    init(group: MultiThreadedEventLoopGroup, services: Services, port: @escaping @Sendable (any EventLoop) -> any HookPort) {
        self.group = group
        self.services = services
        self.port = port
    }

    /// Why a port cannot be opened: a sentence for people.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Opens the mode's port; the result is the address as the system gave it.
    func open(_ mode: ModeSpec, settings: Settings) async throws(Failure) -> Address {
        let host = mode.listenHost ?? settings[ProxyOptions.table.listenHost]
        let number = mode.listenPort ?? settings[ProxyOptions.table.listenPort] ?? mode.kind.defaultPort
        let executors = Dictionary(uniqueKeysWithValues: group.makeIterator().map { (ObjectIdentifier($0), LoopExecutor($0)) })
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [services, port] channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let executor = executors[ObjectIdentifier(channel.eventLoop)] else { throw ChannelError.eof }
                    try Session.accept(
                        channel, mode: mode, services: services, hooks: port(channel.eventLoop), executor: executor)
                }
            }
        do {
            let channel = try await bind(bootstrap, host, number)
            channels.append(channel)
            let address = Address(channel.localAddress)
            services.ownAddresses.add(address)
            return address
        } catch {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw Failure(description: "cannot listen at \(host.isEmpty ? "*" : host):\(number) for mode \(mode): \(reason)")
        }
    }

    /// No host means all addresses: both families where there is IPv6, else IPv4.
    private func bind(_ bootstrap: ServerBootstrap, _ host: String, _ port: Int) async throws -> any Channel {
        guard host.isEmpty else { return try await bootstrap.bind(host: host, port: port).get() }
        do {
            return try await bootstrap.bind(host: "::", port: port).get()
        } catch let error as IOError where [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.errnoCode) {
            return try await bootstrap.bind(host: "0.0.0.0", port: port).get()
        }
    }

    /// Accepts no more.
    func close() async {
        for channel in channels { try? await channel.close().get() }
        channels = []
    }

    /// Lets present exchanges end, for at most five seconds, then closes what is left.
    func drain() async {
        services.sessions.drain()
        await waitForSessions(.seconds(5))
        services.sessions.close()
        await waitForSessions(.seconds(1))
    }

    private func waitForSessions(_ patience: Duration) async {
        let end = ContinuousClock.now + patience
        while services.sessions.count > 0, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(10)) }
    }
}
