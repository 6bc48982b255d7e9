/// The HTTP flows that began WebSockets in files of format 11 and older, where the messages are a flow of their own behind.
struct Handshakes: Sendable {
    /// Handshakes whose messages have not come, at most; the oldest go first.
    private static let maximumCount = 256
    private var waiting: [(id: String, flow: SavedDict)] = []

    mutating func add(_ flow: SavedDict, id: String) {
        waiting.removeAll { $0.id == id }
        waiting.append((id, flow))
        if waiting.count > Self.maximumCount { waiting.removeFirst() }
    }

    mutating func take(id: String) -> SavedDict? {
        waiting.firstIndex { $0.id == id }.map { waiting.remove(at: $0).flow }
    }
}
