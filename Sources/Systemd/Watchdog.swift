/// How often the manager wants to hear that the service lives.
public struct Watchdog: Sendable, Equatable {
    /// After that long without a word the service is killed.
    public let microseconds: UInt64

    /// Nil if there is none, or it is for another process.
    init?(_ variables: [String: String], processID: Int32) {
        guard let text = variables["WATCHDOG_USEC"], let value = UInt64(text), value > 0, value < UInt64(Int64.max) else {
            return nil
        }
        if let owner = variables["WATCHDOG_PID"], owner != String(processID) { return nil }
        microseconds = value
    }
}
