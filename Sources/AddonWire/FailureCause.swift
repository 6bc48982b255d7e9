/// Why a worker gave no usable answer to an event. The raw values are the stable words of counters, logs and documents.
public enum FailureCause: String, Sendable, CaseIterable {
    /// The process could not be started, or the socket not be connected.
    case start
    /// The first exchange of the connection failed.
    case handshake
    /// No answer within the event's deadline.
    case timeout
    /// The connection ended before the answer.
    case crash
    /// The answer is not one that the protocol allows, or asks for a state that is refused.
    case badReply = "bad_reply"
    /// The event's line is longer than the worker takes.
    case tooLarge = "too_large"
    /// The event could not be sent in time, or there were too many before it.
    case overload
    /// The worker failed so often that it is left alone for a while.
    case breakerOpen = "breaker_open"
    /// The worker answered that it failed.
    case workerError = "worker_error"
}

/// What a hook wants to happen to the flow when its worker fails.
public enum FailurePolicy: String, Sendable, CaseIterable {
    /// The flow goes on as if the worker had answered without changes.
    case `continue`
    /// The flow fails.
    case kill
    /// The event goes to the worker once more after it was started again; if that fails too, the flow fails.
    case retry

    /// The table of causes and policies, the same for every worker; `attempt` counts from 1.
    public func resolution(of cause: FailureCause, attempt: Int) -> Resolution {
        switch (self, cause) {
        case (.continue, _): .goOn
        case (.kill, _): .fail
        // Only a worker that is gone can do better the second time; an event that ended two of them gets no third.
        case (.retry, .start), (.retry, .crash): attempt == 1 ? .tryAgain : .fail
        case (.retry, _): .fail
        }
    }
}

/// What becomes of a flow whose worker failed.
public enum Resolution: Sendable, Equatable {
    case goOn, fail, tryAgain
}

/// One event's failure: the cause, and a sentence for people.
public struct LinkFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let cause: FailureCause
    public let note: String

    /// A longer note is cut: it may be the worker's own text, and goes into the log and the flow.
    public static let maximumNote = 1024

    public init(_ cause: FailureCause, _ note: String) {
        self.cause = cause
        self.note =
            note.utf8.count <= Self.maximumNote ? note : String(decoding: note.utf8.prefix(Self.maximumNote), as: UTF8.self) + "…"
    }

    public var description: String { "\(note) (\(cause.rawValue))" }
}
