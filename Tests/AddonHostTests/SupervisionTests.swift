import Testing

@testable import AddonHost

struct SupervisionTests {
    @Test("the first start after a death is within 0.1 s, then the bound doubles up to the greatest")
    func backoff() {
        var bounds = SupervisionBounds()
        bounds.breakerFailures = 1000
        var supervision = Supervision(bounds: bounds)
        let delays = (0..<11).map { index in supervision.died(now: Int64(index), random: 0.5) }
        let expected: [Int64] = [50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000]
        #expect(delays == expected.map { .restart(after: $0) })
    }

    @Test("the delay is anything up to its bound", arguments: [(0.0, 1), (0.5, 50), (0.999_999, 99)])
    func jitter(random: Double, delay: Int64) {
        var supervision = Supervision()
        #expect(supervision.died(now: 0, random: random) == .restart(after: delay))
    }

    @Test("a minute of health forgives")
    func forgiven() {
        var supervision = Supervision()
        for time in 0..<3 { _ = supervision.died(now: Int64(time), random: 0.5) }
        supervision.starting()
        supervision.ready(now: 1000)
        var early = supervision
        #expect(early.died(now: 60_999, random: 0.5) == .restart(after: 400))
        #expect(supervision.died(now: 61_000, random: 0.5) == .restart(after: 50))
    }

    @Test("eight deaths in the window open the breaker; one start follows, whose death opens again and whose health closes")
    func breaker() {
        var supervision = Supervision()
        for time in 0..<7 { #expect(supervision.died(now: Int64(time), random: 0.5) != .pause(30_000)) }
        #expect(supervision.died(now: 7, random: 0.5) == .pause(30_000))
        #expect(supervision.state == .open)
        supervision.starting()
        #expect(supervision.state == .halfOpen)
        supervision.ready(now: 30_100)
        #expect(supervision.died(now: 30_200, random: 0.5) == .pause(30_000))
        supervision.starting()
        supervision.ready(now: 60_300)
        #expect(supervision.died(now: 90_300, random: 0.5) != .pause(30_000))
        #expect(supervision.state == .closed)
    }

    @Test("status 78 is final")
    func final() {
        var supervision = Supervision()
        #expect(supervision.died(now: 0, isFinal: true, random: 0.5) == .never)
        #expect(supervision.died(now: 100_000, random: 0.5) == .never)
    }

    @Test("whatever a worker's lives, its starts in any window stay below the bound", arguments: 0..<50)
    func neverMoreStarts(seed: UInt64) {
        var generator = SplitMix(state: seed)
        var supervision = Supervision()
        var now: Int64 = 0
        var starts: [Int64] = []
        while starts.count < 400 {
            supervision.starting()
            starts.append(now)
            if Bool.random(using: &generator) { supervision.ready(now: now) }
            now += Int64.random(in: 0...(Int.random(in: 0..<20, using: &generator) == 0 ? 70_000 : 50), using: &generator)
            switch supervision.died(now: now, random: Double.random(in: 0..<1, using: &generator)) {
            case .restart(let delay), .pause(let delay): now += delay
            case .never: Issue.record("final without cause")
            }
        }
        for (index, start) in starts.enumerated() {
            let window = starts[index...].prefix { $0 < start + supervision.bounds.breakerWindow }
            #expect(window.count <= supervision.bounds.breakerFailures + 1)
        }
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
