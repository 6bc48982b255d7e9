import AddonWire
import Schema

/// The bounds of addon processes and of the connections to them.
package struct AddonOptions: OptionTable {
    package let scripts = Option<[String]>("scripts", [], "The addons, as `--addon` takes them.")
    package let permissions = Option<[String]>(
        "addon_permissions", ["all"],
        "Calls that addons are granted when they ask for them, such as `flow.kill`; `all` grants every one.")
    package let timeout = Option<Double>(
        "addon_timeout", 5, "Seconds in which a worker must answer an event, if its hook does not say.")
    package let onFailure = Option<String>(
        "addon_on_failure", "continue", choices: ["continue", "kill"],
        "What happens to a flow whose worker fails, if the hook does not say: it goes on without the worker, or fails.")
    package let handshakeTimeout = Option<Double>(
        "addon_handshake_timeout", 10, "Seconds in which a worker must answer `initialize`.")
    package let maximumInFlight = Option<Int>(
        "addon_max_in_flight", 32, "Events that one worker has at a time; more wait. A worker may ask for fewer.")
    package let maximumBytesInFlight = Option<Int>("addon_max_bytes_in_flight", 16 << 20, "Bytes of those events, at most.")
    package let queue = Option<Int>("addon_queue", 1024, "Events that wait for one worker; those beyond fail at once.")
    package let lineLimit = Option<Int>(
        "addon_line_limit", 16 << 20, "Longest line in bytes that is taken from a worker; a longer one ends its connection.")
    package let streamCredit = Option<Int>(
        "addon_stream_credit", 256 << 10,
        "Bytes of a streamed body that a worker is sent, and may send, before the other side has dealt with some.")
    package let maximumStreams = Option<Int>(
        "addon_max_streams", 256, "Bodies that one worker has as streams at a time; the events of more fail as overload.")
    package let pingInterval = Option<Double>(
        "addon_ping_interval", 15, "Seconds of silence after which an idle worker is asked whether it lives; 0 never asks.")
    package let pingTimeout = Option<Double>(
        "addon_ping_timeout", 5, "Seconds in which it must answer; after two misses it is started again.")
    package let extensionLimit = Option<Double>(
        "addon_extension_limit", 60, "Seconds that an event may last when the worker asks for more time.")
    package let restartDelay = Option<Double>(
        "addon_restart_delay", 0.1, "Seconds until a worker that died is started again; doubles each time, give or take 20 %.")
    package let restartDelayMaximum = Option<Double>("addon_restart_delay_max", 30, "Seconds of that delay, at most.")
    package let healthyAfter = Option<Double>(
        "addon_healthy_after", 60, "Seconds of work after which a worker's earlier deaths are forgotten.")
    package let breakerFailures = Option<Int>(
        "addon_breaker_failures", 8, "Deaths within `addon_breaker_window` after which a worker is left alone for a while.")
    package let breakerWindow = Option<Double>("addon_breaker_window", 30, "Seconds in which those deaths are counted.")
    package let breakerPause = Option<Double>(
        "addon_breaker_pause", 30, "Seconds until a worker that was left alone is tried once more.")
    package let drainTimeout = Option<Double>(
        "addon_drain_timeout", 10, "Seconds that events in flight have to end when the proxy stops.")
    package let killDelay = Option<Double>(
        "addon_kill_delay", 2, "Seconds between closing a worker's connection and SIGTERM, and between SIGTERM and SIGKILL.")
    package let logRate = Option<Int>("addon_log_rate", 100, "Lines a second of one worker's output that reach the log.")
    package let logLine = Option<Int>("addon_log_line", 4096, "Bytes of such a line, at most; the rest is cut off.")
    package let socketUIDs = Option<[String]>(
        "addon_socket_uids", [], "Numeric users, besides root and our own, whose processes may attach at `--addon-socket`.")

    package init() {}
    package static let table = AddonOptions()
}

/// The options as the parts of the host use them: in milliseconds, and never below what makes sense.
struct AddonBounds: Sendable {
    var link = LinkLimits()
    var supervision = SupervisionBounds()
    let eventTimeout: Int64
    let policy: FailurePolicy
    let drainTimeout: Int64
    let killDelay: Int64
    let logRate: Int
    let logLine: Int
    let uids: Set<UInt32>

    init(_ settings: Settings) {
        let options = AddonOptions.table
        func milliseconds(_ option: Option<Double>, atLeast least: Int64 = 1) -> Int64 {
            max(least, Int64(min(settings[option], 1e9) * 1000))
        }
        link.maximumInFlight = max(1, settings[options.maximumInFlight])
        link.maximumBytesInFlight = max(1024, settings[options.maximumBytesInFlight])
        link.queueLength = max(0, settings[options.queue])
        link.ownLine = max(1024, settings[options.lineLimit])
        link.streamCredit = min(max(4096, settings[options.streamCredit]), 1 << 30)
        link.maximumStreams = max(0, settings[options.maximumStreams])
        link.handshakeTimeout = milliseconds(options.handshakeTimeout)
        link.pingInterval = milliseconds(options.pingInterval, atLeast: 0)
        link.pingTimeout = milliseconds(options.pingTimeout)
        link.maximumExtension = milliseconds(options.extensionLimit)
        supervision.base = milliseconds(options.restartDelay)
        supervision.maximum = max(supervision.base, milliseconds(options.restartDelayMaximum))
        supervision.healthyAfter = milliseconds(options.healthyAfter)
        supervision.breakerFailures = max(1, settings[options.breakerFailures])
        supervision.breakerWindow = milliseconds(options.breakerWindow)
        supervision.breakerPause = milliseconds(options.breakerPause)
        eventTimeout = milliseconds(options.timeout)
        policy = FailurePolicy(rawValue: settings[options.onFailure]) ?? .continue
        drainTimeout = milliseconds(options.drainTimeout, atLeast: 0)
        killDelay = milliseconds(options.killDelay)
        logRate = max(1, settings[options.logRate])
        logLine = max(16, settings[options.logLine])
        uids = Set(settings[options.socketUIDs].compactMap { UInt32($0) })
    }
}
