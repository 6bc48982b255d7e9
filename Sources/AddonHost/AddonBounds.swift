import AddonWire
import Schema

/// How much of the machine an addon's process is given.
public enum AddonLevel: String, Sendable, CaseIterable {
    case trusted, confined, untrusted
}

/// What becomes of an event that a worker has no room for.
enum OverloadPolicy: String, Sendable, CaseIterable {
    case wait, bypass, block
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
    let level: AddonLevel
    let overload: OverloadPolicy
    /// Processes that are started at first.
    let workers: Int
    /// Processes for as many clients, at most; 0 if clients share them.
    let clients: Int
    let watches: Bool
    let retirement: Int64

    init(_ settings: Settings) {
        let options = AddonOptions.table
        func milliseconds(_ option: Option<Double>, atLeast least: Int64 = 1) -> Int64 {
            max(least, Int64(max(0, min(settings[option], 1e9)) * 1000))
        }
        link.maximumInFlight = max(1, settings[options.maximumInFlight])
        link.maximumBytesInFlight = max(1024, settings[options.maximumBytesInFlight])
        link.queueLength = max(0, settings[options.queue])
        link.ownLine = max(1024, settings[options.lineLimit])
        link.streamCredit = min(max(4096, settings[options.streamCredit]), 1 << 30)
        link.maximumStreams = max(0, settings[options.maximumStreams])
        link.maximumCalls = max(1, settings[options.maximumCalls])
        link.readingShare = min(1, max(0.001, settings[options.readingShare]))
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
        level = AddonLevel(rawValue: settings[options.level]) ?? .untrusted
        overload = OverloadPolicy(rawValue: settings[options.overload]) ?? .wait
        clients = settings[options.clients]
        workers = clients > 0 ? 1 : settings[options.workers]
        watches = settings[options.watches]
        retirement = milliseconds(options.retirement, atLeast: 0)
        // What does not wait has no queue to stand in.
        if overload != .wait { link.queueLength = 0 }
    }

    /// What becomes of a flow: its hook's policy, but for what the addon has no room for.
    func resolution(of cause: FailureCause, _ policy: FailurePolicy, attempt: Int) -> Resolution {
        switch (overload, cause) {
        case (.bypass, .overload): .goOn
        case (.block, .overload): .fail
        default: policy.resolution(of: cause, attempt: attempt)
        }
    }
}
