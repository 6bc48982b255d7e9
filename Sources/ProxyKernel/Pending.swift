import NIOCore

/// Something that a suspended function waits for and that can be ended from outside.
public protocol AnyPending: AnyObject {
    /// Ends the wait with a failure; does nothing if it has ended.
    func fail(_ failure: ProxyFailure)
}

/// The one place where the life of a flow stands still.
///
/// It ends once, by whichever comes first: what is waited for, a failure, the client's leaving, a deadline; all later ones are
/// ignored. Confined to one event loop: `suspend` and `end` are called there; `fail` may be called from anywhere and hops.
open class Suspension: AnyPending, @unchecked Sendable {
    public let loop: any EventLoop
    @usableFromInline var failure: ProxyFailure?
    /// True until what is waited for or a failure has come.
    public private(set) var isOpen = true
    /// Set while `suspend` waits. Unchecked, because it is resumed where it is taken out, and nowhere else.
    private var continuation: UnsafeContinuation<Void, Never>?
    /// Where he goes on who waits; nil if he is no session's. His session keeps it.
    private var executor: Unmanaged<LoopExecutor>?

    public init(on loop: any EventLoop) { self.loop = loop }

    public final func fail(_ failure: ProxyFailure) {
        guard loop.inEventLoop else { return loop.execute { self.fail(failure) } }
        guard isOpen else { return }
        self.failure = failure
        end()
    }

    /// What is waited for is there.
    public final func end() {
        guard isOpen else { return }
        isOpen = false
        guard let continuation = continuation.take() else { return }
        if let executor { executor._withUnsafeGuaranteedRef { $0.resume(continuation) } } else { continuation.resume() }
    }

    @usableFromInline
    func stand(_ continuation: UnsafeContinuation<Void, Never>) {
        self.continuation = continuation
        executor = LoopExecutor.current
    }

    /// Waits for the end. Call once. A part of its callers: as a function of its own it would look for their executor first.
    @inlinable
    @inline(__always)
    public final func suspend(as waiter: Waiter?) async throws(ProxyFailure) {
        waiter?.waiting = self
        defer { waiter?.waiting = nil }
        if let gone = waiter?.ended { throw gone }
        if isOpen {
            // The one of the usual name looks for its caller's executor before it waits, and finds it.
            await _unsafeInheritExecutor_withUnsafeContinuation {
                // Who has no actor may have had a turn of the loop before he is suspended, in which the end came.
                if isOpen { stand($0) } else { $0.resume() }
            }
        }
        if let failure { throw failure }
    }
}

/// A value that is on its way to who waits for it.
public final class Pending<Value: Sendable>: Suspension, @unchecked Sendable {
    /// Nil again once it was handed over, so that nobody else holds it.
    @usableFromInline var value: Value?

    /// From anywhere.
    public func resume(_ value: Value) {
        guard loop.inEventLoop else { return loop.execute { self.resume(value) } }
        guard isOpen else { return }
        self.value = value
        end()
    }

    /// Suspends until the value is there. Call once.
    @inlinable
    @inline(__always)
    public func wait(as waiter: Waiter?) async throws(ProxyFailure) -> Value {
        try await suspend(as: waiter)
        guard let value = value.take() else { fatalError("a wait ended without a value") }
        return value
    }
}

/// A linear story, such as an exchange, that waits for one thing at a time and can be ended while it waits.
///
/// Confined to its event loop.
public final class Waiter: @unchecked Sendable {
    @usableFromInline var waiting: (any AnyPending)?
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
