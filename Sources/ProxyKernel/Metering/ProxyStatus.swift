import Glibc
import Synchronization

/// How the proxy stands as a whole: for those who look at it from outside. From any thread.
package final class ProxyStatus: Sendable {
    package enum Phase: String, Sendable {
        case starting, running, draining
    }

    /// What one mode listens at.
    package struct Listening: Sendable {
        package let mode: String
        package let address: String
    }

    private struct State {
        var phase = Phase.starting
        var listening: [Listening] = []
        var metrics: String?
    }

    package let version: String
    /// Seconds since 1970.
    package let since = WallClock.now
    private let state = Mutex(State())

    package init(version: String = "") { self.version = version }

    package var phase: Phase {
        get { state.withLock { $0.phase } }
        set { state.withLock { $0.phase = newValue } }
    }

    package var listening: [Listening] { state.withLock { $0.listening } }

    /// Where measurements can be had, if anywhere.
    package var metrics: String? {
        get { state.withLock { $0.metrics } }
        set { state.withLock { $0.metrics = newValue } }
    }

    package func listens(_ mode: String, at address: String) {
        state.withLock { $0.listening.append(Listening(mode: mode, address: address)) }
    }

    package var pid: Int { Int(getpid()) }
}
