import FlowModel
import Schema

/// An event that carries nothing.
package struct EmptyEvent: HookPayload {
    package init() {}
    package static let name = "EmptyEvent"
    package static let doc = "No members."
    package static let blank = EmptyEvent()
    package static let fields: [Field<EmptyEvent>] = []
}

/// The values of all options, and which of them changed.
package struct ConfigureEvent: HookPayload {
    package var options: JSON
    package var updated: [String]

    package init(options: JSON, updated: [String]) {
        self.options = options
        self.updated = updated
    }

    package static let name = "ConfigureEvent"
    package static let doc = "The values of all options, and which of them changed."
    package static let blank = ConfigureEvent(options: [:], updated: [])
    package static let fields: [Field<ConfigureEvent>] = [
        Field("options", \.options, .readOnly, "Every option's value by its name."),
        Field("updated", \.updated, .readOnly, "The names of those that changed; at the start, all."),
    ]
}

/// A line of the proxy's log.
package struct LogEntry: Record {
    package var level = "info"
    package var message = ""
    package var timestamp: Double = 0

    package init(level: String, message: String, timestamp: Double) {
        self.level = level
        self.message = message
        self.timestamp = timestamp
    }

    package static let name = "LogEntry"
    package static let doc = "A line of the proxy's log."
    package static let blank = LogEntry(level: "info", message: "", timestamp: 0)
    package static let fields: [Field<LogEntry>] = [
        Field("level", \.level, .readOnly, "`debug`, `info`, `warn` or `error`."),
        Field("msg", \.message, .readOnly, "The line."),
        Field("timestamp", \.timestamp, .readOnly, "Seconds since 1970, UTC."),
    ]
}

/// Carries a log entry.
package struct LogEvent: HookPayload {
    package var entry: LogEntry

    package init(entry: LogEntry) { self.entry = entry }

    package static let name = "LogEvent"
    package static let doc = "A line of the proxy's log."
    package static let blank = LogEvent(entry: .blank)
    package static let fields: [Field<LogEvent>] = [Field("entry", \.entry, .readOnly, "The line.")]
}

/// The events of the proxy itself.
package struct LifecycleHooks: HookTable {
    package let start = Hook<EmptyEvent>("start", aliases: ["load"], "The first event of a worker, before `configure`.")
    package let configure = Hook<ConfigureEvent>("configure", "Options have values: at the start, and whenever some change.")
    package let running = Hook<EmptyEvent>("running", "The proxy listens.")
    package let log = Hook<LogEvent>("log", aliases: ["add_log"], pauses: false, "The proxy has logged a line.")
    package let tick = Hook<EmptyEvent>("tick", pauses: false, "Time passes: every 100 ms, to those who subscribe.")
    package let done = Hook<EmptyEvent>("done", "The last event of a worker.")

    package init() {}
    package static let table = LifecycleHooks()
}
