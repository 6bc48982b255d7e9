/// A message of which a flow keeps as many as its bounds allow.
public protocol KeptMessage: Sendable {
    var content: ByteString { get }
}

extension StreamMessage: KeptMessage {}
extension WebSocketMessage: KeptMessage {}

/// The newest messages of a flow, within bounds. The newest of all is kept whatever its size, unless nothing is.
///
/// A message is known by its number: how many came before it, kept or not.
public struct KeptMessages<Message: KeptMessage>: Sendable {
    private let maximumCount: Int
    /// Of contents.
    private let maximumBytes: Int
    private var held: [Message] = []
    /// Where the oldest stands in `held`: what is before it goes a few hundred at a time.
    private var head = 0
    private var bytes = 0
    /// How many messages there were.
    public private(set) var count = 0

    /// Without bounds all are kept.
    public init(maximumCount: Int = .max, maximumBytes: Int = .max) {
        self.maximumCount = maximumCount
        self.maximumBytes = maximumBytes
    }

    /// Oldest first.
    public var all: [Message] { Array(held[head...]) }

    /// The number of the oldest that is kept.
    public var first: Int { count - (held.count - head) }

    /// Takes a message in, or only counts it; the result is its number.
    @discardableResult
    public mutating func append(_ message: Message?) -> Int {
        if let message, maximumCount > 0 {
            held.append(message)
            bytes += message.content.bytes.count
        } else {
            // Those that are kept are neighbours.
            forgetAll()
        }
        count += 1
        evict()
        return count - 1
    }

    /// Nil if the message is not kept. A new value takes an old one's place, if that is kept still.
    public subscript(number: Int) -> Message? {
        get { place(of: number).map { held[$0] } }
        set {
            guard let newValue, let place = place(of: number) else { return }
            bytes += newValue.content.bytes.count - held[place].content.bytes.count
            held[place] = newValue
            evict()
        }
    }

    /// Puts others in the place of those that are kept; their last is the newest.
    public mutating func replace(with messages: [Message]) {
        forgetAll()
        held = messages
        bytes = messages.reduce(0) { $0 + $1.content.bytes.count }
        count = max(count, messages.count)
        evict()
    }

    private func place(of number: Int) -> Int? {
        (first..<count).contains(number) ? held.count - (count - number) : nil
    }

    /// Keeps none of those that there were.
    public mutating func forgetAll() {
        held = []
        head = 0
        bytes = 0
    }

    private mutating func evict() {
        while held.count - head > maximumCount || bytes > maximumBytes && held.count - head > 1 {
            bytes -= held[head].content.bytes.count
            head += 1
        }
        if head > 256, head > held.count / 2 {
            held.removeFirst(head)
            head = 0
        }
    }
}
