/// Lets so many lines a second pass, and counts the others. Times are milliseconds that never go back.
public struct LineRate: Sendable {
    public let rate: Int
    private var second: Int64 = 0
    private var given = 0
    private var suppressed = 0
    /// How many lines ever did not pass.
    public private(set) var refused = 0

    public init(rate: Int) { self.rate = rate }

    /// Whether one more line may pass, and how many did not before this second, to be reported now.
    public mutating func admit(now: Int64) -> (isAdmitted: Bool, suppressed: Int) {
        var before = 0
        if now - second >= 1000 {
            before = takeSuppressed()
            (second, given) = (now, 0)
        }
        guard given < rate else {
            suppressed += 1
            refused += 1
            return (false, before)
        }
        given += 1
        return (true, before)
    }

    /// How many did not pass and were not reported yet.
    public mutating func takeSuppressed() -> Int {
        defer { suppressed = 0 }
        return suppressed
    }

    public static func text(_ suppressed: Int) -> String { "(\(suppressed) lines suppressed)" }
}
