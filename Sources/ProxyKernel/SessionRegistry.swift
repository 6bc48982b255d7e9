import NIOCore
import Synchronization

/// All sessions that are open, for the end of the program.
public final class SessionRegistry: Sendable {
    private struct State {
        var sessions: [ObjectIdentifier: Session] = [:]
        /// Set when no further session is to live long.
        var silence: TimeAmount?
    }

    private let state = Mutex(State())

    public init() {}

    func add(_ session: Session) {
        let silence = state.withLock { state in
            state.sessions[ObjectIdentifier(session)] = session
            return state.silence
        }
        // One that was accepted just before the sockets were closed.
        if let silence { session.loop.execute { session.assumeIsolated { $0.drain(silence: silence) } } }
    }

    func remove(_ session: Session) { _ = state.withLock { $0.sessions.removeValue(forKey: ObjectIdentifier(session)) } }

    public var count: Int { state.withLock { $0.sessions.count } }
    private var all: [Session] { state.withLock { Array($0.sessions.values) } }

    /// Has every session end when its present exchanges are over and nothing has passed for `silence`; so with those that come.
    public func drain(silence: TimeAmount) {
        state.withLock { $0.silence = silence }
        for session in all { session.loop.execute { session.assumeIsolated { $0.drain(silence: silence) } } }
    }

    /// Closes all sessions now.
    public func close() {
        for session in all { session.loop.execute { session.assumeIsolated { $0.end(.stopping) } } }
    }
}
