import NIOCore

/// What waits for a story, first come first served; what would be too much is refused.
public struct DatagramQueue<Element> {
    /// How many may wait at a time, and how many bytes they may have.
    public static var maximumCount: Int { 64 }
    public static var maximumBytes: Int { 1 << 20 }

    private var elements = CircularBuffer<(element: Element, size: Int)>()
    private var bytes = 0

    public init() {}

    public var isEmpty: Bool { elements.isEmpty }
    public var first: Element? { elements.first?.element }

    /// False if there is no room.
    public mutating func append(_ element: Element, size: Int) -> Bool {
        guard elements.count < Self.maximumCount, bytes + size <= Self.maximumBytes else { return false }
        elements.append((element, size))
        bytes += size
        return true
    }

    public mutating func next() -> Element? {
        guard let (element, size) = elements.popFirst() else { return nil }
        bytes -= size
        return element
    }

    public mutating func removeAll() {
        elements.removeAll()
        bytes = 0
    }
}
