import AddonWire
import Schema

/// What addon processes may do, and their bounds and those of the connections to them. Each option is named `addon_X`; as
/// `addons.NAME.X` it is given for one addon alone.
public struct AddonOptions: OptionTable {
    public let level = Option<String>(
        "addon_level", "confined", choices: AddonLevel.allCases.map(\.rawValue),
        "The rights of an addon's process: the user's; its own files to read, a private temporary folder and no network; or nothing but its socket. One that attaches or is connected to has those that whoever starts it gives it."
    )
    public let sandbox = Option<String>(
        "addon_sandbox", "cage", choices: ["cage", "bwrap"], "What confines it: weir-cage alone, or bubblewrap with it.")
    public let readable = Option<[String]>(
        "addon_read", [], "Files and folders, besides its own, that a confined or untrusted addon may read and execute.")
    public let writable = Option<[String]>("addon_write", [], "Folders in which a confined addon may write.")
    public let network = Option<Bool>("addon_network", false, "Whether a confined addon may use the network.")
    public let environment = Option<[String]>(
        "addon_environment", [],
        "Variables of the environment that a confined or untrusted addon is given besides PATH, LANG, LC_… and TZ.")
    public let memory = Option<ByteCount>(
        "addon_memory", ByteCount(mebibytes: 0),
        "Memory of each process of a confined or untrusted addon; 0 is its level's: 512m or 256m.")
    public let processes = Option<Int>(
        "addon_processes", 0, "Processes and threads of such an addon, at most; 0 is its level's: 64 or 32.")
    public let files = Option<Int>("addon_files", 0, "Files that it may have open; 0 is its level's: 256 or 64.")
    public let fileSize = Option<ByteCount>(
        "addon_file_size", ByteCount(mebibytes: 0), "Size of a file that it writes; 0 is its level's: 256m or 64m.")
    public let hooks = Option<[String]>("addon_hooks", ["all"], "The hooks that an addon may hear of; `all` for every one.")
    public let filter = Option<String>(
        "addon_filter", "", "A filter expression: the addon hears of flows that match, and sees no others.")
    public let reads = Option<[String]>(
        "addon_reads", ["all"], "Paths of the state that an addon is shown, such as `flow.request`; `all` for the whole.")
    public let changes = Option<[String]>(
        "addon_changes", [],
        "Paths of the state that an addon may change: `all`, `flow.response.headers`, `flow.request.headers[x-name]` for one header, with a minus before it to take it out again. None is its level's: all, and for untrusted ones all but where requests go and `flow.intercepted`."
    )
    public let hidden = Option<[String]>(
        "addon_hide", ["standard"],
        "What of messages is hidden from an addon behind placeholders: names of headers, `body`, `json:NAME` or `json:/POINTER`, `form:NAME`, `query:NAME`. `standard` is credentials in headers from untrusted ones; `none` is nothing."
    )
    public let permissions = Option<[String]>(
        "addon_permissions", ["standard"],
        "Calls that an addon is granted when it asks for them, such as `flow.kill`; `all` for every one. `standard` is all but those that govern the proxy, for untrusted ones `metrics.add` and `body.read`."
    )
    public let python = Option<String>(
        "addon_python", "python3", "The Python that runs an addon of mitmproxy; one of a virtual environment brings its packages."
    )
    public let mitmproxy = Option<String>(
        "addon_mitmproxy", "auto", choices: MitmproxyAddon.Package.allCases.map(\.rawValue),
        "What such an addon imports as mitmproxy: the package itself, our stand-in for it, or the package where that Python has it."
    )
    public let workers = Option<Int>(
        "addon_workers", 1, objection: outside(1...64), "Processes of an addon that share its flows.")
    public let clients = Option<Int>(
        "addon_per_client", 0, objection: outside(0...1024),
        "Above 0, each client has a process of the addon of its own, at most so many at a time; clients are told apart by their addresses. `addon_workers` counts for nothing then."
    )
    public let overload = Option<String>(
        "addon_on_overload", "wait", choices: OverloadPolicy.allCases.map(\.rawValue),
        "What an event does that a worker has no room for: it waits its turn, goes on without the worker, or fails its flow.")
    public let watches = Option<Bool>(
        "addon_watch", true, "Whether an addon is loaded anew when the file that it was started from changes.")
    public let retirement = Option<Double>(
        "addon_retire_timeout", 60, "Seconds that the flows of an addon's old processes have to end when it is loaded anew.")
    public let timeout = Option<Double>(
        "addon_timeout", 5, "Seconds in which a worker must answer an event, if its hook does not say.")
    public let onFailure = Option<String>(
        "addon_on_failure", "continue", choices: ["continue", "kill"],
        "What happens to a flow whose worker fails, if the hook does not say: it goes on without the worker, or fails.")
    public let handshakeTimeout = Option<Double>(
        "addon_handshake_timeout", 10, "Seconds in which a worker must answer `initialize`.")
    public let maximumInFlight = Option<Int>(
        "addon_max_in_flight", 32, "Events that one worker has at a time; more wait. A worker may ask for fewer.")
    public let maximumBytesInFlight = Option<Int>("addon_max_bytes_in_flight", 16 << 20, "Bytes of those events, at most.")
    public let queue = Option<Int>("addon_queue", 1024, "Events that wait for one worker; those beyond fail at once.")
    public let lineLimit = Option<Int>(
        "addon_line_limit", 16 << 20, "Longest line in bytes that is taken from a worker; a longer one ends its connection.")
    public let streamCredit = Option<Int>(
        "addon_stream_credit", 256 << 10,
        "Bytes of a streamed body that a worker is sent, and may send, before the other side has dealt with some.")
    public let maximumStreams = Option<Int>(
        "addon_max_streams", 256, "Bodies that one worker has as streams at a time; the events of more fail as overload.")
    public let maximumCalls = Option<Int>(
        "addon_max_calls", 256, "Calls of one worker that are being answered at a time; more are refused as overloaded.")
    public let readingShare = Option<Double>(
        "addon_reading_share", 0.05,
        "The share of its event loop's time that reading from one worker may take, beyond the answers to its events; one that sends more is read more slowly. 1 is no bound."
    )
    public let pingInterval = Option<Double>(
        "addon_ping_interval", 15, "Seconds of silence after which an idle worker is asked whether it lives; 0 never asks.")
    public let pingTimeout = Option<Double>(
        "addon_ping_timeout", 5, "Seconds in which it must answer; after two misses it is started again.")
    public let extensionLimit = Option<Double>(
        "addon_extension_limit", 60, "Seconds that an event may last when the worker asks for more time.")
    public let restartDelay = Option<Double>(
        "addon_restart_delay", 0.1, "Seconds within which, at random, a worker that died is started again; doubles each time.")
    public let restartDelayMaximum = Option<Double>("addon_restart_delay_max", 30, "Those seconds, at most.")
    public let healthyAfter = Option<Double>(
        "addon_healthy_after", 60, "Seconds of work after which a worker's earlier deaths are forgotten.")
    public let breakerFailures = Option<Int>(
        "addon_breaker_failures", 8, "Deaths within `addon_breaker_window` after which a worker is left alone for a while.")
    public let breakerWindow = Option<Double>("addon_breaker_window", 30, "Seconds in which those deaths are counted.")
    public let breakerPause = Option<Double>(
        "addon_breaker_pause", 30, "Seconds until a worker that was left alone is tried once more.")
    public let drainTimeout = Option<Double>(
        "addon_drain_timeout", 10, "Seconds that events in flight have to end when the proxy stops.")
    public let killDelay = Option<Double>(
        "addon_kill_delay", 2, "Seconds between closing a worker's connection and SIGTERM, and between SIGTERM and SIGKILL.")
    public let trace = Option<String>(
        "addon_trace", "", "A file to which what goes between the core and the addon is recorded, for `weir addon replay`.")
    public let traceLimit = Option<ByteCount>(
        "addon_trace_limit", ByteCount(mebibytes: 64), "Size of that file, at most: what comes later is left out.")
    public let traceHides = Option<[String]>(
        "addon_trace_hide", [], "What is hidden in it, as `addon_hide` says it, besides credentials in headers.")
    public let logRate = Option<Int>("addon_log_rate", 100, "Lines a second of one worker's output that reach the log.")
    public let logLine = Option<Int>("addon_log_line", 4096, "Bytes of such a line, at most; the rest is cut off.")

    public init() {}
    public static let table = AddonOptions()
    /// How the options of one addon are given: `addons.NAME.level`.
    public static let scope = OptionScope(
        "addons",
        table.options.map { (String($0.name.dropFirst("addon_".count)), $0) }
            + AddonEntryOptions.table.options.map { ($0.name, $0) }
    )
}
