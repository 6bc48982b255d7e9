import Schema

/// What ended a flow before its time.
package struct FlowError: Record {
    package var message = ""
    package var timestamp: Double = 0

    package init(_ message: String, at timestamp: Double) {
        self.message = message
        self.timestamp = timestamp
    }

    /// The message that kills a flow when a worker sets it.
    package static let killedMessage = "Connection killed."

    package static let name = "Error"
    package static let doc = "What ended a flow before its time."
    package static let blank = FlowError("", at: 0)
    package static let fields: [Field<FlowError>] = [
        Field("msg", \.message, "For people. `Connection killed.`, set by a worker, kills the flow."),
        Field("timestamp", \.timestamp, "Seconds since 1970, UTC."),
    ]
}
