/// The numbers of `Supervision`, in milliseconds.
public struct SupervisionBounds: Sendable, Equatable {
    public var base: Int64 = 100
    public var maximum: Int64 = 30_000
    public var healthyAfter: Int64 = 60_000
    /// With the delays above, a worker that dies at once gets here in 13 seconds; more than nine deaths do not fit into 30.
    public var breakerFailures = 8
    public var breakerWindow: Int64 = 30_000
    public var breakerPause: Int64 = 30_000

    public init() {}
}

/// Decides when a worker that died is started again.
///
/// States: `closed` (deaths are met with a growing delay), `open` (too many deaths: nothing is started for a while),
/// `halfOpen` (one start, to see), `final` (the worker said that starting it again is of no use). The delay doubles from
/// death to death and is forgotten after a time of health. In `halfOpen` one death opens again, and a window of health closes.
///
/// No clock and no randomness of its own: times are milliseconds that never go back, `random` is in 0..<1.
public struct Supervision: Sendable {
    public enum State: Sendable, Equatable {
        case closed, open, halfOpen, final
    }

    public enum OnDeath: Sendable, Equatable {
        case restart(after: Int64)
        /// The breaker opens: one start after this time.
        case pause(Int64)
        case never
    }

    /// The exit status that asks not to be started again (`EX_CONFIG`).
    public static let finalStatus: Int32 = 78

    public let bounds: SupervisionBounds
    public private(set) var state = State.closed
    /// Since when the worker answers; nil while it does not.
    private var readySince: Int64?
    private var deaths: [Int64] = []
    private var doublings = 0

    public init(bounds: SupervisionBounds = SupervisionBounds()) { self.bounds = bounds }

    /// A process is being started, or a connection made.
    public mutating func starting() {
        if state == .open { state = .halfOpen }
        readySince = nil
    }

    /// Forgets what was.
    public mutating func reset() {
        state = .closed
        deaths = []
        doublings = 0
    }

    /// The handshake succeeded.
    public mutating func ready(now: Int64) { readySince = now }

    /// The process died, could not be started, or lost its connection.
    public mutating func died(now: Int64, isFinal: Bool = false, random: Double) -> OnDeath {
        let health = readySince.map { now - $0 } ?? 0
        readySince = nil
        if isFinal || state == .final {
            state = .final
            return .never
        }
        if state == .halfOpen {
            guard health >= bounds.breakerWindow else {
                state = .open
                return .pause(bounds.breakerPause)
            }
            state = .closed
            deaths = []
        }
        if health >= bounds.healthyAfter { doublings = 0 }
        deaths.removeAll { $0 <= now - bounds.breakerWindow }
        deaths.append(now)
        guard deaths.count < bounds.breakerFailures else {
            deaths = []
            state = .open
            return .pause(bounds.breakerPause)
        }
        let delay = min(bounds.maximum, bounds.base << Int64(min(doublings, 30)))
        doublings += 1
        // Anything up to the delay: workers that died together do not start together.
        return .restart(after: max(1, Int64(Double(delay) * random)))
    }
}
