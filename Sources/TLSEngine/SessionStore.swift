import COpenSSL
import Synchronization

/// Sessions of earlier upstream connections, for resumption. Shared by all loops.
public final class SessionStore: Sendable {
    /// What must be the same for a session to be offered again.
    struct Key: Sendable, Hashable {
        var host: String
        var port: Int
        var serverName: String?
        var alpn: [[UInt8]]
    }

    /// Owns one reference.
    private final class Session: @unchecked Sendable {
        let pointer: OpaquePointer

        init(owning pointer: OpaquePointer) { self.pointer = pointer }

        deinit { SSL_SESSION_free(pointer) }

        /// RFC 8446 appendix C.4: a ticket used twice lets an observer link the connections.
        var isSingleUse: Bool { SSL_SESSION_get_protocol_version(pointer) >= TLS1_3_VERSION }
    }

    /// Servers send two to four tickets at a time; more serve nobody.
    private static let perKey = 4
    private let sessions: Mutex<RecentlyUsed<Key, [Session]>>

    init(capacity: Int) { sessions = Mutex(RecentlyUsed(capacity: capacity)) }

    /// Takes over the caller's reference.
    func keep(_ pointer: OpaquePointer, for key: Key) {
        let session = Session(owning: pointer)
        sessions.withLock { sessions in
            var kept = session.isSingleUse ? sessions[key] ?? [] : []
            if kept.count == Self.perKey { kept.removeFirst() }
            sessions[key] = kept + [session]
        }
    }

    /// Sets the newest usable session for the connection to offer; false if there is none.
    @discardableResult
    func offer(for key: Key, on ssl: OpaquePointer) -> Bool {
        let session = sessions.withLock { sessions -> Session? in
            guard var kept = sessions[key], let newest = kept.last else { return nil }
            if newest.isSingleUse {
                kept.removeLast()
                sessions[key] = kept.isEmpty ? nil : kept
            }
            return newest
        }
        guard let session, SSL_SESSION_is_resumable(session.pointer) == 1 else { return false }
        return SSL_set_session(ssl, session.pointer) == 1
    }
}
