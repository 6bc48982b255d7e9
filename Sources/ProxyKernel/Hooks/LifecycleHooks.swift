import FlowModel
import Schema

/// An event that carries nothing.
public struct EmptyEvent: HookPayload {
    public init() {}
    public static let name = "EmptyEvent"
    public static let doc = "No members."
    public static let blank = EmptyEvent()
    public static let fields: [Field<EmptyEvent>] = []
}

/// The values of all options, and which of them changed.
public struct ConfigureEvent: HookPayload {
    public var options: JSON
    public var updated: [String]

    public init(options: JSON, updated: [String]) {
        self.options = options
        self.updated = updated
    }

    public static let name = "ConfigureEvent"
    public static let doc = "The values of all options, and which of them changed."
    public static let blank = ConfigureEvent(options: [:], updated: [])
    public static let fields: [Field<ConfigureEvent>] = [
        Field("options", \.options, .readOnly, "Every option's value by its name."),
        Field("updated", \.updated, .readOnly, "The names of those that changed; at the start, all."),
    ]
}

/// A line of the proxy's log.
public struct LogEntry: Record {
    public var level = "info"
    public var message = ""
    public var timestamp: Double = 0

    public init(level: String, message: String, timestamp: Double) {
        self.level = level
        self.message = message
        self.timestamp = timestamp
    }

    public static let name = "LogEntry"
    public static let doc = "A line of the proxy's log."
    public static let blank = LogEntry(level: "info", message: "", timestamp: 0)
    public static let fields: [Field<LogEntry>] = [
        Field("level", \.level, .readOnly, "`debug`, `info`, `warn` or `error`."),
        Field("msg", \.message, .readOnly, "The line."),
        Field("timestamp", \.timestamp, .readOnly, "Seconds since 1970, UTC."),
    ]
}

/// Carries a log entry.
public struct LogEvent: HookPayload {
    public var entry: LogEntry

    public init(entry: LogEntry) { self.entry = entry }

    public static let name = "LogEvent"
    public static let doc = "A line of the proxy's log."
    public static let blank = LogEvent(entry: .blank)
    public static let fields: [Field<LogEvent>] = [Field("entry", \.entry, .readOnly, "The line.")]
}

/// The events of the proxy itself.
public struct LifecycleHooks: HookTable {
    public let start = Hook<EmptyEvent>("start", aliases: ["load"], "The first event of a worker, before `configure`.")
    public let configure = Hook<ConfigureEvent>("configure", "Options have values: at the start, and whenever some change.")
    public let running = Hook<EmptyEvent>("running", "The proxy listens.")
    public let log = Hook<LogEvent>("log", aliases: ["add_log"], pauses: false, "The proxy has logged a line.")
    public let tick = Hook<EmptyEvent>("tick", pauses: false, "Time passes: every 100 ms, to those who subscribe.")
    public let done = Hook<EmptyEvent>("done", "The last event of a worker.")

    public init() {}
    public static let table = LifecycleHooks()
}
