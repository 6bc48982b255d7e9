import Logging

/// The host's way to the log. What is written through it is never sent to workers as a `log` event: a worker that prints a
/// line whenever it hears of a line would hear of its own.
struct AddonLog: Sendable {
    /// True while a line of this kind is being logged.
    @TaskLocal static var isWriting = false
    let logger: Logger
    /// Bytes of one line, at most. Much of it may be a worker's own words, which must not end the line, nor move a terminal's cursor.
    private static let maximumLength = 16_384

    /// A line about a worker, or one that it wrote; the journal finds it by the worker's name and the flow.
    func line(_ level: Logger.Level, _ name: String, _ text: String, flow: String? = nil) {
        let text = OutputLines.visible(Array(text.utf8.prefix(Self.maximumLength)))
        var known: Logger.Metadata = ["addon": "\(name)"]
        if let flow { known["flow_id"] = "\(flow)" }
        Self.$isWriting.withValue(true) { logger.log(level: level, "[\(name)] \(text)", metadata: known) }
    }

    /// The level that a worker's word stands for.
    static func level(_ word: String?) -> Logger.Level {
        switch word {
        case "debug": .debug
        case "warn", "warning", "alert": .warning
        case "error": .error
        default: .info
        }
    }
}
