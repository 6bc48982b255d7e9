import Glibc
import Logging
import NIOCore
import ProxyKernel
import Synchronization
import Systemd

/// The program's life as its service manager sees it: it is told of readiness, reloads, replacement and the end, and by the watchdog
/// that all loops turn.
final class Life: Sendable {
    let environment: ServiceEnvironment
    private let logger: Logger
    private let loops: [any EventLoop]
    private let pulse = Mutex<RepeatedTask?>(nil)

    init(_ environment: ServiceEnvironment, _ loops: [any EventLoop], _ logger: Logger) {
        self.environment = environment
        self.loops = loops
        self.logger = logger
    }

    /// The proxy serves clients; `status` is a line for people.
    func ready(_ status: String, _ predecessor: HandoverLine?) {
        predecessor?.serving()
        // A predecessor introduces us to the manager itself, which listens to the main process alone.
        if environment.predecessor == nil { environment.notify?.send([.ready, .status(status)]) }
        watch()
    }

    /// Tells the watchdog, at half of its time, that each loop has come to what it was asked to do.
    private func watch() {
        guard let watchdog = environment.watchdog, let notify = environment.notify, let first = loops.first else { return }
        let interval = TimeAmount.microseconds(Int64(watchdog.microseconds / 2))
        let task = first.scheduleRepeatedAsyncTask(initialDelay: .zero, delay: interval) { [loops] _ in
            // The next turn is not asked for before this one has come.
            EventLoopFuture.andAllSucceed(loops.map { $0.submit {} }, on: first).map {
                _ = notify.send([.watchdog], waits: false)
            }
        }
        pulse.withLock { $0 = task }
    }

    /// Runs a reload between the words that the manager waits for.
    func reloading(_ reload: () async -> Void) async {
        let now = NIODeadline.now().uptimeNanoseconds / 1000
        environment.notify?.send(Notification.reloading(microseconds: now))
        await reload()
        environment.notify?.send([.ready])
    }

    /// The program ends, after what is under way.
    func stopping() { environment.notify?.send([.stopping, .status("stopping")]) }

    /// The manager is to watch the successor from now on.
    func replaced(by pid: Int32) {
        environment.notify?.send([.mainProcess(pid), .ready])
    }

    /// So many sessions are left; the manager is asked for the time that they may take.
    func draining(_ sessions: Int) {
        let text = "stopping: \(sessions) connections are left"
        environment.notify?.send([.extendTimeout(microseconds: 5_000_000), .status(text)], waits: false)
    }

    /// No loop turns from now on.
    func ended() { pulse.withLock { $0 }?.cancel() }
}
