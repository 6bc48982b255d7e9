import FlowModel
import NIOCore
import Synchronization

/// All flows that can be named: those that live, and of those that have ended as many as the bounds allow. From any thread.
public final class FlowRegistry: Sendable {
    private struct State {
        var flows: [FlowKey: any TrackedFlow] = [:]
        var finished = Bounded()
    }

    /// Ended flows in the order of their ends, and what they take.
    private struct Bounded {
        var order: [FinishedFlow?] = []
        var head = 0
        var count = 0
        var bytes = 0
        var evicted = 0
    }

    private let state = Mutex(State())
    private let place = RegistryPlace()
    private let maximumCount: Int
    private let maximumBytes: Int
    /// Called when the first flow had to go.
    private let whenFull: @Sendable () -> Void

    public init(maximumCount: Int, maximumBytes: Int, whenFull: @escaping @Sendable () -> Void = {}) {
        self.maximumCount = maximumCount
        self.maximumBytes = maximumBytes
        self.whenFull = whenFull
        place.registry = self
    }

    public func add(_ flow: any TrackedFlow, id: String) { state.withLock { $0.flows[FlowKey(id)] = flow } }

    /// Forgets a live flow that is not to be kept.
    public func remove(_ id: String) { _ = state.withLock { $0.flows.removeValue(forKey: FlowKey(id)) } }

    public func find(_ id: String) -> (any TrackedFlow)? { state.withLock { $0.flows[FlowKey(id)] } }

    public var all: [any TrackedFlow] { state.withLock { Array($0.flows.values) } }

    /// The ids of the flows of one loop that have not ended. On that loop.
    public func living(on loop: any EventLoop) -> [String] {
        all.filter { $0.loop === loop && $0.isLive }.map(\.anyFlow.id)
    }

    /// How many flows there are, the bytes that the ended ones take, and how many ended ones had to go.
    public var sizes: (live: Int, ended: Int, bytes: Int, evicted: Int) {
        state.withLock { state in
            let finished = state.finished
            return (max(0, state.flows.count - finished.count), finished.count, finished.bytes, finished.evicted)
        }
    }

    /// How many ended flows had to go.
    public var evicted: Int { state.withLock { $0.finished.evicted } }

    /// Takes in a flow that has ended, in the place of the live one of that id. The oldest ended ones go when there are too many.
    ///
    /// A body in a file that alone would drive out all other flows is not kept.
    public func finish(_ flow: consuming AnyFlow, on loop: any EventLoop) {
        var size = flow.footprint
        if size > maximumBytes {
            flow.dropFiles()
            size = flow.footprint
        }
        let finished = FinishedFlow(flow, loop: loop, place)
        let isFirst = state.withLock { state in
            let before = state.finished.evicted
            state.flows[finished.key] = finished
            state.finished.order.append(finished)
            state.finished.count += 1
            account(finished, size, &state)
            evict(&state)
            return before == 0 && state.finished.evicted > 0
        }
        if isFirst { whenFull() }
    }

    /// An ended flow was edited and takes another size now.
    func resized(_ flow: FinishedFlow, to size: Int) {
        state.withLock { state in
            guard flow.accountedSize != nil else { return }
            account(flow, size, &state)
            evict(&state)
        }
    }

    private func account(_ flow: FinishedFlow, _ size: Int?, _ state: inout State) {
        state.finished.bytes += (size ?? 0) - (flow.accountedSize ?? 0)
        flow.accountedSize = size
    }

    private func evict(_ state: inout State) {
        while state.finished.count > maximumCount || state.finished.bytes > maximumBytes {
            let head = state.finished.head
            guard head < state.finished.order.count, let flow = state.finished.order[head].take() else { break }
            state.finished.head += 1
            state.finished.count -= 1
            account(flow, nil, &state)
            // One that is replayed has a live one in its place.
            guard let index = state.flows.index(forKey: flow.key), state.flows.values[index] === flow else { continue }
            state.flows.remove(at: index)
            state.finished.evicted += 1
        }
        if state.finished.head > 1024, state.finished.head > state.finished.order.count / 2 {
            state.finished.order.removeFirst(state.finished.head)
            state.finished.head = 0
        }
    }
}

/// How the flows that have ended know their registry: one weak reference for all of them, since making one is dear.
final class RegistryPlace: @unchecked Sendable {
    /// Set once, before anybody asks.
    fileprivate(set) weak var registry: FlowRegistry?
}
