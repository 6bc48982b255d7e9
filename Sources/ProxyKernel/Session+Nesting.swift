import FlowModel
import Glibc
import NIOCore
import NIOPosix

extension Session {
    /// Makes a session for a tunnel that runs within a stream of this connection, and the conduit that leads to its client's side.
    ///
    /// The two are joined by a pair of sockets: what runs in a tunnel, TLS above all, needs a connection of its own.
    public func nest(waiter: Waiter) async throws(ProxyFailure) -> (inner: Session, conduit: any Conduit) {
        var ends: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw Self.noSockets(String(cString: strerror(errno)))
        }
        let outer = Pending<Int>(on: loop)
        let inner = Pending<Session>(on: loop)
        register(ends[0], outer) { (session, channel) in try session.adoptInner(channel) }
        register(ends[1], inner) { (session, channel) in try session.beginNested(channel) }
        let key = try await outer.wait(as: waiter)
        let session = try await inner.wait(as: waiter)
        guard let peer = innerPeer(key) else { throw Self.noSockets("closed at once") }
        return (session, peer)
    }

    private func register<Made: Sendable>(
        _ socket: CInt, _ made: Pending<Made>, _ make: @escaping @Sendable (isolated Session, any Channel) throws -> Made
    ) {
        ClientBootstrap(group: loop).channelOption(.allowRemoteHalfClosure, value: true).withConnectedSocket(socket)
            .whenComplete { result in
                self.assumeIsolated { session in
                    do {
                        made.resume(try make(session, try result.get()))
                    } catch {
                        made.fail(Self.noSockets("\(error)"))
                    }
                }
            }
    }

    private static func noSockets(_ why: String) -> ProxyFailure {
        ProxyFailure(.connect, fault: .us, "no sockets for a tunnel within HTTP/2: \(why)")
    }
}
