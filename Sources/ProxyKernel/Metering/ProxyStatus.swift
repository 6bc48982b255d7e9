import Glibc
import Synchronization

/// How the proxy stands as a whole: for those who look at it from outside. From any thread.
public final class ProxyStatus: Sendable {
    public enum Phase: String, Sendable {
        case starting, running, draining
    }

    /// What one mode listens at.
    public struct Listening: Sendable {
        public let mode: String
        public let address: String
    }

    private struct State {
        var phase = Phase.starting
        var listening: [Listening] = []
        var metrics: String?
    }

    public let version: String
    /// Seconds since 1970.
    public let since = WallClock.now
    private let state = Mutex(State())

    public init(version: String = "") { self.version = version }

    public var phase: Phase {
        get { state.withLock { $0.phase } }
        set { state.withLock { $0.phase = newValue } }
    }

    public var listening: [Listening] { state.withLock { $0.listening } }

    /// Where measurements can be had, if anywhere.
    public var metrics: String? {
        get { state.withLock { $0.metrics } }
        set { state.withLock { $0.metrics = newValue } }
    }

    public func listens(_ mode: String, at address: String) {
        state.withLock { $0.listening.append(Listening(mode: mode, address: address)) }
    }

    public var pid: Int { Int(getpid()) }
}
