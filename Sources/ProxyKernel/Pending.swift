import NIOCore

/// Something that a suspended function waits for and that can be ended from outside.
public protocol AnyPending: AnyObject {
    /// Ends the wait with a failure; does nothing if it has ended.
    func fail(_ failure: ProxyFailure)
}

/// The one place where the life of a flow stands still: a value that is on its way.
///
/// It ends once, by whichever comes first: the value, a failure, the client's leaving, a deadline; all later ones are
/// ignored. Confined to one event loop: `wait` is called there; `resume` and `fail` may be called from anywhere and hop.
public final class Pending<Value: Sendable>: AnyPending, @unchecked Sendable {
    public let loop: any EventLoop
    /// Nil again once it was handed over, so that nobody else holds the value.
    private var result: Result<Value, ProxyFailure>?
    /// True until a value or a failure has come.
    public private(set) var isOpen = true
    /// Set while `wait` is suspended. Unchecked, because it is resumed where it is taken out, and nowhere else.
    var continuation: UnsafeContinuation<Void, Never>?

    public init(on loop: any EventLoop) { self.loop = loop }

    public func resume(_ value: Value) { end(.success(value)) }
    public func fail(_ failure: ProxyFailure) { end(.failure(failure)) }

    /// Suspends until the value is there. Call once.
    @inline(__always)
    public func wait(as waiter: Waiter?, isolation: isolated (any Actor)? = #isolation) async throws(ProxyFailure) -> Value {
        waiter?.waiting = self
        defer { waiter?.waiting = nil }
        if let gone = waiter?.ended { throw gone }
        if isOpen {
            await withUnsafeContinuation(isolation: isolation) {
                // Who has no actor may have had a turn of the loop before he is suspended, in which the result came.
                if isOpen { continuation = $0 } else { $0.resume() }
            }
        }
        guard let result = result.take() else { fatalError("a wait ended without a result") }
        return try result.get()
    }

    func end(_ new: Result<Value, ProxyFailure>) {
        guard loop.inEventLoop else { return loop.execute { self.end(new) } }
        guard isOpen else { return }
        isOpen = false
        result = new
        continuation.take()?.resume()
    }
}

/// A linear story, such as an exchange, that waits for one thing at a time and can be ended while it waits.
///
/// Confined to its event loop.
public final class Waiter: @unchecked Sendable {
    var waiting: (any AnyPending)?
    /// Why no further wait may begin; set by `end`.
    public private(set) var ended: ProxyFailure?

    public init() {}

    /// Ends the present wait and refuses all later ones. The first reason stays.
    public func end(_ failure: ProxyFailure) {
        if ended == nil { ended = failure }
        waiting?.fail(failure)
    }

    /// Ends the present wait alone.
    public func interrupt(_ failure: ProxyFailure) { waiting?.fail(failure) }

    /// Lets waits begin again, for the part of a story that follows its end, such as the *error* event.
    public func reopen() { ended = nil }
}
