import Schema

/// What ended a flow before its time.
public struct FlowError: Record {
    public var message = ""
    public var timestamp: Double = 0

    public init(_ message: String, at timestamp: Double) {
        self.message = message
        self.timestamp = timestamp
    }

    /// The message that kills a flow when a worker sets it.
    public static let killedMessage = "Connection killed."

    public static let name = "Error"
    public static let doc = "What ended a flow before its time."
    public static let blank = FlowError("", at: 0)
    public static let fields: [Field<FlowError>] = [
        Field("msg", \.message, "For people. `Connection killed.`, set by a worker, kills the flow."),
        Field("timestamp", \.timestamp, "Seconds since 1970, UTC."),
    ]
}
