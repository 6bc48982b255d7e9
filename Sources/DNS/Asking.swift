import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// A client for which servers can be asked: over the transport that it asked us over.
protocol Asking: Actor {
    nonisolated var services: Services { get }
    nonisolated var hooks: any HookPort { get }
    nonisolated var loop: any EventLoop { get }
    /// Sends the query and waits for its answer. Only the waiter's end bounds the time.
    func ask(_ query: Query, of server: Address, waiter: Waiter) async throws(ProxyFailure) -> Reply
}

extension Association: Asking {
    /// Each query has a socket of its own, so that its port is hard to guess. What does not belong to the query is passed over.
    func ask(_ query: Query, of server: Address, waiter: Waiter) async throws(ProxyFailure) -> Reply {
        let socket = try await dial(server, waiter: waiter)
        defer { socket.close() }
        let arrival = Pending<Reply>(on: loop)
        socket.received = { [weak self] bytes in
            let octets = Array(bytes.readableBytesView)
            do throws(WireFailure) {
                arrival.resume(Reply(message: try query.answer(octets), octets: octets, server: socket.frozenRecord))
            } catch {
                self?.log(.debug, "\(server): an answer is passed over: \(error)")
            }
        }
        socket.undelivered = { arrival.fail($0) }
        socket.write(ByteBuffer(bytes: query.octets))
        return try await arrival.wait(as: waiter)
    }
}

extension Session: Asking {
    /// On a connection that an earlier query left behind, or a new one.
    func ask(_ query: Query, of server: Address, waiter: Waiter) async throws(ProxyFailure) -> Reply {
        let key = ServerKey(address: server, tls: false, serverName: nil, route: ground.route())
        if let kept = reuse(key) {
            do throws(ProxyFailure) {
                return try await ask(query, on: kept, waiter: waiter)
            } catch {
                // The server may have closed it at the same time.
                guard error.what == .closed, waiter.ended == nil else { throw error }
            }
        }
        return try await ask(query, on: try await dial(key, waiter: waiter), waiter: waiter)
    }

    private func ask(_ query: Query, on server: ServerConnection, waiter: Waiter) async throws(ProxyFailure) -> Reply {
        let arrival = Pending<[UInt8]>(on: loop)
        server.peer.consumer = AnswerReader(arrival, server: server.key.address)
        server.peer.write(StreamFraming.framed(query.octets))
        do throws(ProxyFailure) {
            let octets = try await arrival.wait(as: waiter)
            let message: DNSMessage
            do throws(WireFailure) { message = try query.answer(octets) } catch {
                throw ProxyFailure(
                    .badMessage(status: 502), fault: .server, "\(server.key.address) sent an answer that is none: \(error)")
            }
            let record = server.frozenRecord
            release(server)
            return Reply(message: message, octets: octets, server: record)
        } catch {
            server.peer.close()
            throw error
        }
    }
}

/// Takes one answer off a connection.
private final class AnswerReader: ByteConsumer {
    private var framing = StreamFraming()
    private let arrival: Pending<[UInt8]>
    private let server: Address

    init(_ arrival: Pending<[UInt8]>, server: Address) {
        self.arrival = arrival
        self.server = server
    }

    func received(_ bytes: ByteBuffer, on session: isolated Session) {
        guard arrival.isOpen else { return }
        framing.received(bytes)
        if let octets = framing.next() { arrival.resume(octets) }
    }

    func inputClosed(on session: isolated Session) { end() }
    func becameWritable(on session: isolated Session) {}
    func closed(on session: isolated Session) { end() }

    private func end() {
        arrival.fail(ProxyFailure(.closed, fault: .server, "\(server) closed the connection before its answer"))
    }
}
