import Synchronization

/// All sessions that are open, for the end of the program.
package final class SessionRegistry: Sendable {
    private let sessions = Mutex<[ObjectIdentifier: Session]>([:])

    package init() {}

    func add(_ session: Session) { sessions.withLock { $0[ObjectIdentifier(session)] = session } }
    func remove(_ session: Session) { _ = sessions.withLock { $0.removeValue(forKey: ObjectIdentifier(session)) } }

    package var count: Int { sessions.withLock { $0.count } }

    /// Closes idle sessions now and the others when their present exchange is over.
    package func drain() {
        for session in sessions.withLock({ Array($0.values) }) { session.loop.execute { session.assumeIsolated { $0.drain() } } }
    }

    /// Closes all sessions now.
    package func close() {
        for session in sessions.withLock({ Array($0.values) }) {
            session.loop.execute { session.assumeIsolated { $0.end(.stopping) } }
        }
    }
}
