/// What a service tells its manager: lines of `NAME=VALUE`, as sd_notify(3) lists them.
public struct Notification: Sendable, Equatable {
    let text: String

    private init(_ name: String, _ value: some CustomStringConvertible) {
        // A line's end in a value would begin another assignment.
        text = "\(name)=\(value)".split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    /// The service has started, or has reloaded.
    public static let ready = Notification("READY", 1)
    /// The service reloads; `ready` follows. The time is CLOCK_MONOTONIC's, which managers before 253 do not ask for.
    public static func reloading(microseconds: UInt64) -> [Notification] {
        [Notification("RELOADING", 1), Notification("MONOTONIC_USEC", microseconds)]
    }
    public static let stopping = Notification("STOPPING", 1)
    /// One line for people.
    public static func status(_ text: String) -> Notification { Notification("STATUS", text) }
    public static let watchdog = Notification("WATCHDOG", 1)
    /// Starting, reloading or stopping may take that much longer, from now on.
    public static func extendTimeout(microseconds: UInt64) -> Notification { Notification("EXTEND_TIMEOUT_USEC", microseconds) }
    public static func mainProcess(_ pid: Int32) -> Notification { Notification("MAINPID", pid) }
    public static func errorNumber(_ number: Int32) -> Notification { Notification("ERRNO", number) }

    /// The descriptors sent with it are kept, and handed to the next start under the name.
    public static func storeDescriptors(named name: String) -> [Notification] {
        [Notification("FDSTORE", 1), Notification("FDNAME", name)]
    }
    public static func removeDescriptors(named name: String) -> [Notification] {
        [Notification("FDSTOREREMOVE", 1), Notification("FDNAME", name)]
    }
    static let barrier = Notification("BARRIER", 1)
}
