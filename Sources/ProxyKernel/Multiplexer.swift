/// A protocol that carries many exchanges at a time on one connection to a server. Confined to its session's loop.
public protocol Multiplexer: ByteConsumer {
    /// Whether another exchange may begin now.
    var hasRoom: Bool { get }
    /// Whether the server takes WebSockets in its streams (RFC 8441).
    var takesWebSockets: Bool { get }
    /// Waits until the server has shown that it speaks the protocol; fails with `retry` if it speaks another one.
    func opened(waiter: Waiter, on session: isolated Session) async throws(ProxyFailure)
}

/// Makes the multiplexer of a connection on which HTTP/2 was agreed, and makes it the connection's consumer.
public typealias MultiplexerFactory = @Sendable (ServerConnection, isolated Session) -> any Multiplexer

/// A connection that is being made and may carry more exchanges than the one that it is made for. Confined to its session's loop.
final class ConnectionAttempt {
    private var waiting: [Pending<Bool>] = []
    private var result: Result<Bool, ProxyFailure>?

    /// Waits for its end; fails as it failed.
    func wait(as waiter: Waiter, on session: isolated Session) async throws(ProxyFailure) {
        if let result {
            _ = try result.get()
            return
        }
        let pending = Pending<Bool>(on: session.loop)
        waiting.append(pending)
        _ = try await pending.wait(as: waiter)
    }

    /// Ends it. That the exchange was given up for which it was made is no failure of the server's.
    func ended(_ failure: ProxyFailure?) {
        let result: Result<Bool, ProxyFailure> =
            if let failure, failure.what != .cancelled, failure.what != .killed { .failure(failure) } else { .success(true) }
        self.result = result
        for pending in waiting {
            switch result {
            case .success: pending.resume(true)
            case .failure(let failure): pending.fail(failure)
            }
        }
        waiting = []
    }
}
