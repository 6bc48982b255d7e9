import Logging
import Systemd

/// A line of the log as an entry of the journal.
enum JournalEntry {
    /// The message, its priority as syslog numbers it, and what is known of it: `addon` as `WEIR_ADDON`, and so on.
    static func fields(_ event: LogEvent) -> [JournalField] {
        let known = (event.metadata ?? [:]).sorted { $0.key < $1.key }
        let fields = [
            ("MESSAGE", FlowPrinter.safe("\(event.message)")), ("PRIORITY", priority(event.level)), ("SYSLOG_IDENTIFIER", "weir"),
        ]
        return (fields + known.map { ("WEIR_\($0.key.uppercased())", "\($0.value)") }).compactMap { JournalField($0.0, $0.1) }
    }

    private static func priority(_ level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "7"
        case .info: "6"
        case .notice: "5"
        case .warning: "4"
        case .error: "3"
        case .critical: "2"
        }
    }
}
