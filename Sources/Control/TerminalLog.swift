import Glibc
import Logging
import ProxyKernel
import Synchronization
import Systemd

/// Writes the log to standard error, and passes each line to whoever wants the *log* event.
public struct TerminalLog: LogHandler {
    /// Where lines go besides the terminal.
    public final class Tap: Sendable {
        private let receiver = Mutex<(@Sendable (LogEntry) -> Void)?>(nil)
        public init() {}
        public func connect(_ receive: @escaping @Sendable (LogEntry) -> Void) { receiver.withLock { $0 = receive } }
        func pass(_ entry: LogEntry) { receiver.withLock { $0 }?(entry) }
    }

    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    private let isQuiet: Bool
    private let tap: Tap
    private let journal: JournalSocket?

    /// `journal` takes the lines in place of the standard error, if that is the journal's anyway.
    public init(level: Logger.Level, isQuiet: Bool, tap: Tap, journal: JournalSocket? = nil) {
        self.journal = journal
        logLevel = level
        self.isQuiet = isQuiet
        self.tap = tap
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: Logging.LogEvent) {
        let now = WallClock.now
        tap.pass(LogEntry(level: Self.word(event.level), message: "\(event.message)", timestamp: now))
        if isQuiet, event.level < .error { return }
        if let journal, journal.send(JournalEntry.fields(event)) { return }
        let line =
            "[\(Self.time(now))] \(event.level >= .warning ? Self.word(event.level) + ": " : "")\(FlowPrinter.safe("\(event.message)"))\n"
        Terminal.write(line, to: STDERR_FILENO)
    }

    private static func word(_ level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "debug"
        case .info, .notice: "info"
        case .warning: "warn"
        case .error, .critical: "error"
        }
    }

    /// `HH:MM:SS.mmm`, local time.
    private static func time(_ now: Double) -> String {
        var seconds = time_t(now)
        var parts = tm()
        localtime_r(&seconds, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let milliseconds = String(Int(now * 1000) % 1000)
        return "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))."
            + String(repeating: "0", count: 3 - milliseconds.count)
            + milliseconds
    }
}
