import NIOCore

/// Runs the sessions of one event loop, and sends what they wrote. Confined to its loop, but for `enqueue`.
///
/// What becomes ready while the loop handles its sockets waits for the turn behind that: then all stories go on, one after the
/// other, and what they wrote leaves in one write a connection.
public final class LoopExecutor: SerialExecutor, TaskExecutor, @unchecked Sendable {
    public let loop: any EventLoop
    /// What sessions of this loop leave to each other.
    let idleServers = IdleServers()
    /// The settings as this loop saw them last: to look whether they have changed takes no lock, and each request asks a dozen times.
    private var seen: (settings: PresentSettings, revision: Int, services: ObjectIdentifier)?
    private var jobs: [UnownedJob] = []
    private var unsent: [Peer] = []
    /// The arrays of the turn before, kept for their room.
    private var spareJobs: [UnownedJob] = []
    private var sparePeers: [Peer] = []
    private var turnIsDue = false
    /// A story begins: its first job is not queued.
    private var isBeginning = false
    private var beginning: UnownedJob?

    public init(_ loop: any EventLoop) { self.loop = loop }

    func present(of services: Services) -> PresentSettings {
        let revision = services.revision.load(ordering: .acquiring)
        if let seen, seen.revision == revision, seen.services == ObjectIdentifier(services) { return seen.settings }
        let settings = services.present
        seen = (settings, revision, ObjectIdentifier(services))
        return settings
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        guard loop.inEventLoop else { return loop.execute { self.add(job) } }
        add(job)
    }

    public func isIsolatingCurrentContext() -> Bool? { loop.inEventLoop }
    public func checkIsolated() { loop.preconditionInEventLoop() }

    /// Begins a story, which runs at once until its first wait. `Task.immediate` would have it queued, since it does not see that the
    /// preference for this executor is met.
    func begin(@_inheritActorContext _ story: sending @escaping @isolated(any) () async -> Void) {
        isBeginning = true
        Task(executorPreference: self, operation: story)
        isBeginning = false
        beginning.take()?.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
    }

    private func add(_ job: UnownedJob) {
        if isBeginning, beginning == nil { return beginning = job }
        jobs.append(job)
        becomeDue()
    }

    /// Has the peer's queue sent at the end of the turn.
    func sendLater(_ peer: Peer) {
        unsent.append(peer)
        becomeDue()
    }

    private func becomeDue() {
        guard !turnIsDue else { return }
        turnIsDue = true
        loop.execute { self.turn() }
    }

    /// What comes up meanwhile has the next turn, so that sockets are not kept waiting.
    private func turn() {
        turnIsDue = false
        swap(&jobs, &spareJobs)
        // A continuation resumes for any executor of its task first and asks for its actor's then. Run as the session's at once,
        // it need not be queued a second time.
        let serial = asUnownedSerialExecutor(), any = asUnownedTaskExecutor()
        for job in spareJobs { job.runSynchronously(isolatedTo: serial, taskExecutor: any) }
        spareJobs.removeAll(keepingCapacity: true)
        swap(&unsent, &sparePeers)
        for peer in sparePeers { peer.send() }
        sparePeers.removeAll(keepingCapacity: true)
    }
}
