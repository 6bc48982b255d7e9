/// How much of its loop's time reading from one worker may take, so that a flood costs its sender alone.
///
/// A store of time that fills with a share of what passes, up to `burst`. What is beyond it has to be waited for. Work that was asked of
/// the worker is allowed for and costs nothing. Times are nanoseconds of a clock that never goes back.
struct ReadingPace: Sendable {
    /// What a worker may take at once.
    static let burst: Int64 = 50_000_000
    /// For a body of 2 GiB that is read by calls.
    private static let largestAllowance: Int64 = 90_000_000_000

    private let share: Double
    private var left = Self.burst
    private var since: Int64
    private var allowance: Int64 = 0

    /// `share` is more than 0 and at most 1, which is no bound.
    init(share: Double, now: Int64) {
        self.share = share
        since = now
    }

    /// Whether it matters how much exactly is spent.
    var isTight: Bool { share < 1 && left < Self.burst / 5 * 4 }

    /// So much of what is read next was asked for.
    mutating func allow(_ time: Int64) { allowance = min(allowance + time, Self.largestAllowance) }

    /// Counts work that was done; returns for how long nothing more may be read, 0 if it may go on.
    mutating func spent(_ time: Int64, now: Int64) -> Int64 {
        guard share < 1 else { return 0 }
        let free = min(allowance, time)
        allowance -= free
        refill(now)
        left -= time - free
        return debt
    }

    /// For how long nothing more may be done, as of `now`; 0 if it may.
    mutating func rest(now: Int64) -> Int64 {
        refill(now)
        return share < 1 ? debt : 0
    }

    private var debt: Int64 { left >= 0 ? 0 : Int64(Double(-left) / share) }

    private mutating func refill(_ now: Int64) {
        left = min(Self.burst, left + Int64(Double(now - since) * share))
        since = now
    }
}
