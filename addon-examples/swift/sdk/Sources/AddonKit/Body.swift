import Synchronization

/// The stream is over before its end, for the core's reason, such as `client_gone`: nothing more is sent or taken.
public struct StreamOver: Error {
    public let why: String
}

/// A body that passes through in parts: the original's pieces are read from it, those of the new one written to it.
///
///     for try await piece in body { try await body.write(changed(piece)) }
///
/// Credit is its own affair: a piece's is given back when the next is asked for, and `write` waits for the core's. One
/// task reads.
public final class Body: Sendable, AsyncSequence, AsyncIteratorProtocol {
    private struct State {
        var pieces: ArraySlice<[UInt8]> = []
        var room: Int
        var owed = 0
        var isComplete = false, isDetached = false
        var trailers: JSON = nil, said: JSON?
        var why: String?
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    let number: Int
    private let addon: Addon
    private let largest: Int
    private let state: Mutex<State>

    init(_ addon: Addon, _ number: Int, credit: Int) {
        (self.addon, self.number, largest) = (addon, number, credit / 2)
        state = Mutex(State(room: credit))
    }

    // MARK: What the addon does

    /// The original's, null where there are none, once its end was read. Those that are set take their place.
    public var trailers: JSON {
        get { state.withLock { $0.said ?? $0.trailers } }
        set { state.withLock { $0.said = newValue } }
    }

    /// Whether the pieces ended because of `detach`.
    public var isDetached: Bool { state.withLock { $0.isDetached } }

    public nonisolated func makeAsyncIterator() -> Body { self }

    /// The next piece; nil at the end of what comes.
    public func next() async throws -> [UInt8]? {
        let owed = state.withLock { state in
            defer { state.owed = 0 }
            return state.owed
        }
        if owed > 0 { say("credit", ["bytes": .integer(owed)]) }
        return try await when { state in
            guard let piece = state.pieces.popFirst() else { return state.isComplete ? .some(nil) : nil }
            state.owed = piece.count
            return .some(piece)
        }
    }

    public func write(_ data: some Collection<UInt8>) async throws {
        var rest = Array(data)[...]
        while !rest.isEmpty {
            let count = try await when { [largest, rest] state in
                let count = Swift.min(rest.count, state.room, largest)
                state.room -= count
                return count > 0 ? count : nil
            }
            say("data", ["data": JSON(bytes: Array(rest.prefix(count)))])
            rest = rest.dropFirst(count)
        }
    }

    /// No more of the original is wanted: what is under way is still read and written, then the rest passes untouched.
    public func detach() { say("detach") }

    // MARK: Inside

    func hear(_ what: Substring, _ params: JSON) {
        let waiting = state.withLock { state in
            switch what {
            case "data": state.pieces.append(params["data"].bytes ?? [])
            case "credit": state.room += params["bytes"].int ?? 0
            case "end":
                state.isComplete = true
                (state.trailers, state.isDetached) = (params["trailers"], params["detached"] == true)
            case "reset": state.why = params["why"].string ?? "bad_message"
            default: break
            }
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.resume() }
    }

    /// Says of the stream what the specification's section 16 has.
    func say(_ what: String, _ params: JSON = [:]) {
        var params = params
        params["s"] = .integer(number)
        addon.notify("stream.\(what)", params)
    }

    /// What the new body ends with.
    var ending: JSON { state.withLock { $0.said.map { ["trailers": $0] } ?? [:] } }

    /// Waits until the state has the value.
    private func when<Value: Sendable>(_ value: (inout State) -> Value?) async throws -> Value {
        while true {
            var found: Value?, why: String?
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                state.withLock { state in
                    (found, why) = (state.why == nil ? value(&state) : nil, state.why)
                    if found == nil, why == nil { state.waiting.append(continuation) }
                }
                if found != nil || why != nil { continuation.resume() }
            }
            if let why { throw StreamOver(why: why) }
            if let found { return found }
        }
    }
}
