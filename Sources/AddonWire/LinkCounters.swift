/// What happened on one connection to a worker, for status and metrics.
public struct LinkCounters: Sendable, Equatable {
    public var eventsSent = 0
    public var answered = 0
    /// Failures of events by cause.
    public var failed: [FailureCause: Int] = [:]
    public var cancelled = 0
    public var notificationsSent = 0
    /// Notifications that were not sent because the worker does not keep up.
    public var notificationsDropped = 0
    /// Answers to requests that had ended without one.
    public var late = 0
    /// Answers to requests that were answered before.
    public var duplicate = 0
    /// Answers whose id was never given out, or is null.
    public var unknown = 0
    public var badLines = 0
    public var linesRead = 0
    public var bytesRead = 0
    public var bytesWritten = 0
    public var missedPings = 0

    /// Answers that were dropped.
    public var dropped: Int { late + duplicate + unknown }

    public init() {}
}
