import Synchronization

/// The stream is over before its end, for the core's reason, such as `client_gone`: nothing more is sent or taken.
public struct StreamOver: Error {
    public let why: String
}

/// A body that passes through in parts: the pieces of the original are read from it, those of the new one written to it.
///
///     for try await piece in body { try await body.write(changed(piece)) }
///
/// Credit is its own affair: a piece's is given back when the next is asked for, and `write` waits for the core's. One task reads.
public final class Body: Sendable, AsyncSequence, AsyncIteratorProtocol {
    private struct State {
        var pieces: ArraySlice<[UInt8]> = []
        var room: Int
        var owed = 0
        var isComplete = false, isDetached = false, isEnded = false
        var trailers: JSON = nil
        var why: String?
        var changes = 0
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

    /// The original's trailers, null where there are none, once its end was read.
    public var trailers: JSON { state.withLock { $0.trailers } }
    /// Whether the pieces ended because of `detach`.
    public var isDetached: Bool { state.withLock { $0.isDetached } }

    // MARK: What the addon does

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
        while !rest.isEmpty, !state.withLock({ $0.isEnded }) {
            let room = try await when { [largest, rest] state in
                let room = Self.cut(rest, at: Swift.min(state.room, largest))
                state.room -= room
                return room > 0 ? room : nil
            }
            say("data", ["data": JSON(bytes: Array(rest.prefix(room)))])
            rest = rest.dropFirst(room)
        }
    }

    /// The new body is complete, also before the original is. `trailers` takes the place of the original's.
    public func end(trailers: JSON? = nil) { finish(trailers.map { ["trailers": $0] } ?? [:]) }

    /// No more of the original is wanted: what is under way is still read and written, then the rest passes untouched.
    public func detach() { say("detach", [:]) }

    // MARK: What the core says

    func hear(_ what: Substring, _ params: JSON) {
        let waiting = state.withLock { state in
            switch what {
            case "data": state.pieces.append(params["data"].bytes ?? [])
            case "credit": state.room += params["bytes"].int ?? 0
            case "end":
                (state.isComplete, state.trailers, state.isDetached) = (true, params["trailers"], params["detached"] == true)
            case "reset": state.why = params["why"].string ?? "bad_message"
            default: break
            }
            state.changes += 1
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.resume() }
    }

    // MARK: Inside

    /// Ends the stream once; a failure breaks it off.
    func finish(_ params: JSON) {
        let isFirst = state.withLock { state in
            defer { (state.isEnded, state.isComplete, state.pieces, state.owed) = (true, true, [], 0) }
            return !state.isEnded && state.why == nil
        }
        if isFirst { addon.end(self) { self.say("end", params) } }
    }

    private func say(_ what: String, _ params: JSON) {
        var params = params
        params["s"] = .integer(number)
        addon.notify("stream.\(what)", params)
    }

    /// Between characters, where it is text.
    private static func cut(_ data: ArraySlice<UInt8>, at count: Int) -> Int {
        guard count < data.count else { return data.count }
        let start = data.startIndex
        for back in 0..<Swift.min(4, count) where data[start + count - back] & 0xC0 != 0x80 { return count - back }
        return count
    }

    /// Waits until the state has the value.
    private func when<Value>(_ value: (inout State) -> Value?) async throws(StreamOver) -> Value {
        while true {
            let (found, why, changes) = state.withLock { state in
                (state.why == nil ? value(&state) : nil, state.why, state.changes)
            }
            if let why { throw StreamOver(why: why) }
            if let found { return found }
            await withCheckedContinuation { continuation in
                let hasChanged = state.withLock { state in
                    if state.changes == changes { state.waiting.append(continuation) }
                    return state.changes != changes
                }
                if hasChanged { continuation.resume() }
            }
        }
    }
}
