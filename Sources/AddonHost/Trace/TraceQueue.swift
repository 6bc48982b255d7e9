import AddonWire
import Schema
import Synchronization

/// A transcript that somebody fetches while it is made; what is not fetched in time ends it.
final class TraceQueue: TraceSink {
    /// Bytes that wait to be fetched, at most.
    private static let maximumBytes = 32 << 20
    /// Milliseconds without a fetch after which nobody is there any more.
    private static let patience: Int64 = 30_000
    /// Bytes of one fetch.
    private static let portion = 4 << 20

    private struct State {
        var lines: [(json: JSON, size: Int)] = []
        var bytes = 0
        var lastFetch = MonotonicClock.now
        var dropped = 0
    }

    private let state = Mutex(State())

    func write(_ line: JSON) -> Bool {
        let size = line.encoded.count
        return state.withLock { state in
            guard MonotonicClock.now - state.lastFetch < Self.patience else {
                state.lines = []
                return false
            }
            guard state.bytes + size <= Self.maximumBytes else {
                state.dropped += size
                return true
            }
            state.lines.append((line, size))
            state.bytes += size
            return true
        }
    }

    /// What has come since the last time.
    func fetch() -> JSON {
        state.withLock { state in
            state.lastFetch = MonotonicClock.now
            var size = 0
            let count = state.lines.prefix { line in
                defer { size += line.size }
                return size < Self.portion
            }.count
            let lines = state.lines.prefix(count).map(\.json)
            state.bytes -= state.lines.prefix(count).reduce(0) { $0 + $1.size }
            state.lines.removeFirst(count)
            defer { state.dropped = 0 }
            return ["lines": .array(lines), "more": .bool(!state.lines.isEmpty), "dropped": .int(state.dropped)]
        }
    }
}
