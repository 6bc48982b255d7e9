import CTasks
import NIOCore

/// Runs the sessions of one event loop, and sends what they wrote. Confined to its loop, but for `enqueue`.
///
/// What becomes ready while the loop handles its sockets waits for the turn behind that: then all stories go on, one after the
/// other, and what they wrote leaves in one write a connection.
public final class LoopExecutor: SerialExecutor, @unchecked Sendable {
    public let loop: any EventLoop
    /// What sessions of this loop leave to each other.
    let idleServers = IdleServers()
    /// The settings as this loop saw them last: to look whether they have changed takes no lock, and each request asks a dozen times,
    /// which is why they are lent by their address and no reference is counted.
    private let seen = UnsafeMutablePointer<PresentSettings?>.allocate(capacity: 1)
    private var seenRevision = 0
    private var seenServices: ObjectIdentifier?
    private var jobs: [UnownedJob] = []
    private var unsent: [Peer] = []
    /// The arrays of the turn before, kept for their room.
    private var spareJobs: [UnownedJob] = []
    private var sparePeers: [Peer] = []
    private var turnIsDue = false
    /// A story begins: its first job is not queued.
    private var isBeginning = false
    private var beginning: UnownedJob?

    public init(_ loop: any EventLoop) {
        self.loop = loop
        seen.initialize(to: nil)
    }

    deinit {
        seen.deinitialize(count: 1)
        seen.deallocate()
    }

    /// Where they stand until this is asked again.
    @inline(__always)
    func present(of services: Services) -> UnsafePointer<PresentSettings> {
        if services.revision.load(ordering: .acquiring) != seenRevision || seenServices != ObjectIdentifier(services) {
            look(at: services)
        }
        return UnsafeRawPointer(seen).assumingMemoryBound(to: PresentSettings.self)
    }

    @inline(never)
    private func look(at services: Services) {
        seenRevision = services.revision.load(ordering: .acquiring)
        seenServices = ObjectIdentifier(services)
        seen.pointee = services.present
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        guard loop.inEventLoop else { return loop.execute { self.add(job) } }
        add(job)
    }

    public func isIsolatingCurrentContext() -> Bool? { loop.inEventLoop }
    public func checkIsolated() { loop.preconditionInEventLoop() }

    /// Begins a story of an actor on this loop, which runs at once until its first wait. Not by `Task.immediate`, which would queue it where
    /// the caller is no task. A task's preference for this executor would be asked for under a lock at each of its steps.
    func begin(@_inheritActorContext _ story: sending @escaping @isolated(any) () async -> Void) {
        isBeginning = true
        Task(operation: story)
        isBeginning = false
        guard let job = beginning.take() else { fatalError("a story of no actor of this loop would run anywhere") }
        becomeCurrent()
        job.runSynchronously(on: asUnownedSerialExecutor())
    }

    private func becomeCurrent() { weir_set_executor(Unmanaged.passUnretained(self).toOpaque()) }

    /// The one whose jobs this thread runs; nil in the pool.
    static var current: Unmanaged<LoopExecutor>? { weir_executor().map { Unmanaged.fromOpaque($0) } }

    /// Has who waits there go on in the next turn. By itself, he would by way of the pool's threads.
    func resume(_ continuation: UnsafeContinuation<Void, Never>) {
        weir_begin_resuming()
        continuation.resume()
        if let job = weir_end_resuming() { add(unsafeBitCast(job, to: UnownedJob.self)) }
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
        becomeCurrent()
        let serial = asUnownedSerialExecutor()
        for job in spareJobs { job.runSynchronously(on: serial) }
        spareJobs.removeAll(keepingCapacity: true)
        swap(&unsent, &sparePeers)
        for peer in sparePeers { peer.send() }
        sparePeers.removeAll(keepingCapacity: true)
    }
}
