import Schema
import Synchronization

/// The recordings of one addon. From any thread.
final class Traces: Sendable {
    /// Those that are fetched, at most.
    private static let maximumQueues = 4

    private struct State {
        var all: [Trace] = []
        /// By who fetches them.
        var queues: [String: (trace: Trace, queue: TraceQueue)] = [:]
    }

    private let state = Mutex(State())
    private let isActive = Atomic(false)

    /// Begins one that goes to a file.
    func begin(_ trace: Trace) {
        state.withLock { $0.all.append(trace) }
        isActive.store(true, ordering: .relaxed)
    }

    /// What has come for this caller since the last time; the first time begins it, with `make`.
    func fetch(
        by caller: String, make: (TraceQueue) throws(AddonFailure) -> Trace
    ) throws(AddonFailure) -> JSON {
        try state.withLock { (state) throws(AddonFailure) in
            state.queues = state.queues.filter { !$0.value.trace.hasEnded }
            state.all.removeAll { $0.hasEnded }
            if let (_, queue) = state.queues[caller] { return queue.fetch() }
            guard state.queues.count < Self.maximumQueues else {
                throw AddonFailure("\(Self.maximumQueues) recordings of it are being made already")
            }
            let queue = TraceQueue()
            let trace = try make(queue)
            state.all.append(trace)
            state.queues[caller] = (trace, queue)
            isActive.store(true, ordering: .relaxed)
            return queue.fetch()
        }
    }

    func record(_ bytes: @autoclosure () -> [UInt8], of side: Transcript.Step.Side, connection: Int) {
        guard isActive.load(ordering: .relaxed) else { return }
        let traces = state.withLock { state in
            state.all.removeAll { $0.hasEnded }
            isActive.store(!state.all.isEmpty, ordering: .relaxed)
            return state.all
        }
        guard !traces.isEmpty else { return }
        let bytes = bytes()
        for trace in traces { trace.record(bytes, of: side, connection: connection) }
    }
}
