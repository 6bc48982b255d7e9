import Schema

/// The settings of what is printed.
public struct TerminalOptions: OptionTable {
    public let flowDetail = Option<Int>(
        "flow_detail", 1, objection: outside(0...4),
        "What is printed of a flow: 0 nothing, 1 URL and status, 2 headers too, 3 cut contents too, 4 everything.")
    public let verbosity = Option<String>(
        "termlog_verbosity", "info", choices: ["error", "warn", "info", "debug"],
        "The lowest level of log lines that are printed.")

    public init() {}
    public static let table = TerminalOptions()
}
