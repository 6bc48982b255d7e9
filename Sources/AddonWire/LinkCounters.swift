/// What happened on one connection to a worker, for status and metrics.
package struct LinkCounters: Sendable, Equatable {
    package var eventsSent = 0
    package var answered = 0
    /// Failures of events by cause.
    package var failed: [FailureCause: Int] = [:]
    package var cancelled = 0
    package var notificationsSent = 0
    /// Notifications that were not sent because the worker does not keep up.
    package var notificationsDropped = 0
    /// Answers to requests that had ended without one.
    package var late = 0
    /// Answers to requests that were answered before.
    package var duplicate = 0
    /// Answers whose id was never given out, or is null.
    package var unknown = 0
    package var badLines = 0
    package var linesRead = 0
    package var bytesRead = 0
    package var bytesWritten = 0
    package var missedPings = 0

    /// Answers that were dropped.
    package var dropped: Int { late + duplicate + unknown }

    package init() {}
}
