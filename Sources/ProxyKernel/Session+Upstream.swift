import FlowModel
import NIOCore
import Schema
import TLSEngine

/// Asks an upstream proxy to pass bytes on to the address, and waits for its consent. What it sent behind that is the server's.
public typealias TunnelOpener =
    @Sendable (ServerConnection, Address, isolated Session, Waiter) async throws(ProxyFailure) -> ByteBuffer

/// The way through an upstream proxy.
extension Session {
    /// Goes it, on a connection that ends at the proxy: TLS with the proxy if it wants that, then the tunnel.
    func follow(_ route: Route, to address: Address, on server: ServerConnection, waiter: Waiter) async throws(ProxyFailure) {
        guard let via = route.via else { return }
        let seconds = services.settings[ProxyOptions.table.connectTimeout]
        let late = ProxyFailure(
            .timeout, fault: .server, "upstream proxy \(via.address) did not open a way to \(address) within \(seconds) seconds")
        let alarm = loop.scheduleTask(in: .seconds(Int64(seconds))) { waiter.interrupt(late) }
        defer { alarm.cancel() }
        do throws(ProxyFailure) {
            if via.scheme == "https" { try await secure(server, with: via.address, waiter: waiter) }
            guard case .tunnel = route, let open = services.openTunnel else { return }
            let waiting = server.peer.consumer
            let early = try await open(server, address, self, waiter)
            server.peer.consumer = waiting
            if early.readableBytes > 0 { waiting?.received(early, on: self) }
        } catch {
            server.peer.close()
            throw error
        }
    }

    /// TLS with the proxy itself; the server's own may come inside of it.
    private func secure(_ server: ServerConnection, with proxy: Address, waiter: Waiter) async throws(ProxyFailure) {
        let name = "TLS with upstream proxy \(proxy)"
        let tls: TLSConnection
        do throws(TLSFailure) {
            tls = try services.contexts.connectUpstream(
                services.upstream, host: proxy.host, port: proxy.port, sni: proxy.host, alpnOffers: [Array("http/1.1".utf8)])
        } catch {
            throw ProxyFailure(.tls, fault: .us, "\(name): \(error.reason)")
        }
        let handshake = Pending<Negotiated>(on: loop)
        try addTLS(tls, to: server.peer, held: nil, reportingTo: handshake)
        do throws(ProxyFailure) {
            _ = try await handshake.wait(as: waiter)
        } catch {
            throw error.what == .tls ? ProxyFailure(.tls, fault: .server, "\(name): \(error.note)") : error
        }
    }
}
