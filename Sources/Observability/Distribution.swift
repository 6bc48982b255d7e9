/// Counts of a histogram's buckets, each without those below it, and the sum of what was counted, in seconds.
public struct Distribution: Sendable, Equatable {
    /// Upper bounds of the buckets in seconds; one more takes what is above.
    public static let bounds = [
        0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60,
    ]

    public var counts: [Int]
    public var sum: Double

    public init(counts: [Int] = Array(repeating: 0, count: Distribution.bounds.count + 1), sum: Double = 0) {
        self.counts = counts
        self.sum = sum
    }

    public var count: Int { counts.reduce(0, +) }

    public static func + (left: Distribution, right: Distribution) -> Distribution {
        Distribution(counts: zip(left.counts, right.counts).map { $0 + $1 }, sum: left.sum + right.sum)
    }

    /// Estimates in how many seconds that share of all, from 0 to 1, was done: a straight line within a bucket. Nil without any.
    public func quantile(_ share: Double) -> Double? {
        let rank = share * Double(count)
        guard count > 0 else { return nil }
        var below = 0
        for (index, inside) in counts.enumerated() {
            defer { below += inside }
            guard inside > 0, Double(below + inside) >= rank else { continue }
            // Of what is above all bounds no more is known.
            guard index < Self.bounds.count else { break }
            let lower = index == 0 ? 0 : Self.bounds[index - 1]
            let upper = Self.bounds[index]
            return lower + (upper - lower) * max(0, rank - Double(below)) / Double(inside)
        }
        return Self.bounds.last
    }
}
