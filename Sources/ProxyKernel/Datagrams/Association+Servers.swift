import FlowModel
import Glibc
import NIOCore
import NIOPosix
import Schema
import Sockets

extension Association {
    /// Opens a socket for a server, with the events of a connection. Nothing is sent yet: only the server's first datagram would show
    /// that it is there.
    public func dial(_ target: Address, waiter: Waiter) async throws(ProxyFailure) -> DatagramServer {
        var record = Server(id: Identifier.uuid4(), address: target)
        record.transportProtocol = Transport.udp.rawValue
        var event = ServerEvent(server: record, client: frozenClientRecord)
        try await hooks.run(ConnectionHooks.table.serverConnect, &event, waiter: waiter)
        do throws(ProxyFailure) {
            if let error = event.server.error { throw .killed("connecting to \(target) was refused: \(error)") }
            let address = event.server.address ?? target
            guard !services.ownAddresses.contain(address, .udp) else {
                throw ProxyFailure(
                    .connect, fault: .client, "\(address) is this proxy itself; what is sent to it would never end")
            }
            event.server.timestampStart = WallClock.now
            let server = try await open(address, record: event.server, waiter: waiter)
            log(.debug, "\(clientRecord.peername): server connect \(address) (udp)")
            var connected = ServerEvent(server: server.record, client: frozenClientRecord)
            do throws(ProxyFailure) {
                try await hooks.run(ConnectionHooks.table.serverConnected, &connected, waiter: waiter)
            } catch {
                server.close()
                throw error
            }
            return server
        } catch {
            event.server.error = error.note
            event.server.timestampEnd = WallClock.now
            if error.what == .cancelled {
                hooks.notify(ConnectionHooks.table.serverConnectError, event)
            } else {
                try? await hooks.run(ConnectionHooks.table.serverConnectError, &event, waiter: waiter)
            }
            throw error
        }
    }

    private func open(_ address: Address, record: Server, waiter: Waiter) async throws(ProxyFailure) -> DatagramServer {
        let server = DatagramServer(record) { [hooks, frozenClientRecord] server in
            hooks.notify(
                ConnectionHooks.table.serverDisconnected, ServerEvent(server: server.record, client: frozenClientRecord))
        }
        let seconds = services.settings[ProxyOptions.table.connectTimeout]
        let arrival = Pending<Void>(on: loop)
        let alarm = loop.scheduleTask(in: .seconds(Int64(seconds))) {
            arrival.fail(ProxyFailure(.timeout, fault: .server, "\(address) does not resolve within \(seconds) seconds"))
        }
        defer { alarm.cancel() }
        let loop = loop
        Self.resolved(address, on: loop).flatMap { Self.connected(to: $0, server, on: loop) }.whenComplete { result in
            switch result {
            case .success(let channel):
                if !arrival.isOpen { channel.close(promise: nil) }
                arrival.resume(())
            case .failure(let error):
                let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "the name does not resolve"
                arrival.fail(ProxyFailure(.connect, fault: .server, "cannot reach \(address): \(reason)"))
            }
        }
        do throws(ProxyFailure) {
            try await arrival.wait(as: waiter)
        } catch {
            server.close()
            throw error
        }
        return server
    }

    private static func connected(
        to address: SocketAddress, _ server: DatagramServer, on loop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        DatagramBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: DatagramPort.maximumDatagram))
            .channelInitializer { channel in
                channel.closeOnExec()
                return channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(server) }
            }
            .connect(to: address)
    }

    /// Looks up a name in the way of the system, which may take a while and so is done on a thread of its own.
    private static func resolved(_ address: Address, on loop: any EventLoop) -> EventLoopFuture<SocketAddress> {
        if let numeric = try? SocketAddress(ipAddress: address.host, port: address.port) {
            return loop.makeSucceededFuture(numeric)
        }
        return NIOThreadPool.singleton.runIfActive(eventLoop: loop) {
            try SocketAddress.makeAddressResolvingHost(address.host, port: address.port)
        }
    }
}
