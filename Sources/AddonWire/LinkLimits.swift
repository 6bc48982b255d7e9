/// The bounds of one connection to a worker. Times are milliseconds, sizes bytes.
public struct LinkLimits: Sendable, Equatable {
    /// Events that are sent and not answered.
    public var maximumInFlight = 32
    /// Bytes of those events, and of notifications that the socket has not taken.
    public var maximumBytesInFlight = 16 << 20
    /// Events that wait because the two bounds above are reached.
    public var queueLength = 1024
    /// The longest line that the worker takes, LF not counted. Two line readers in wide use stop at 64 KiB.
    public var workerLine = 60_000
    /// The longest line that we take, LF not counted.
    public var ownLine = 16 << 20
    /// Arrays and objects within each other, in a line that we take.
    public var maximumDepth = 64
    /// Arrays, objects and commas in such a line.
    public var maximumValues = 100_000
    /// The worker's calls that are being answered.
    public var maximumCalls = 256
    /// The share of its loop's time that reading from the worker may take, beyond the answers to its events.
    public var readingShare = 0.05
    /// From the connection to the answer of `initialize`.
    public var handshakeTimeout: Int64 = 10_000
    /// Silence after which a worker without events is asked whether it lives; 0 never asks.
    public var pingInterval: Int64 = 15_000
    public var pingTimeout: Int64 = 5_000
    /// How long after it was sent an event may last at most, whatever `event.extend` asks for.
    public var maximumExtension: Int64 = 60_000

    /// Bytes of one stream's body that either side may send before the other has dealt with some.
    public var streamCredit = 256 << 10
    /// Streams that one worker has at a time.
    public var maximumStreams = 256

    public init() {}
}
