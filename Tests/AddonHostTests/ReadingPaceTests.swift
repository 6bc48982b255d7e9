import Testing

@testable import AddonHost

struct ReadingPaceTests {
    private let second: Int64 = 1_000_000_000

    @Test("work within the share never has to wait, however long it goes on")
    func withinTheShare() {
        var pace = ReadingPace(share: 0.05, now: 0)
        for turn in 1...1000 { #expect(pace.spent(5_000_000, now: Int64(turn) * second / 10) == 0) }
    }

    @Test("a burst is free, and what is beyond it waits until its share has come in")
    func burst() {
        var pace = ReadingPace(share: 0.05, now: 0)
        #expect(pace.spent(ReadingPace.burst, now: 0) == 0)
        #expect(pace.spent(1_000_000, now: 0) == 20_000_000)
        #expect(pace.spent(0, now: 20_000_000) == 0)
        #expect(pace.spent(1_000_000, now: 20_000_000) == 20_000_000)
    }

    @Test("what is still to be waited for becomes less with time")
    func rest() {
        var pace = ReadingPace(share: 0.05, now: 0)
        #expect(pace.rest(now: 0) == 0)
        _ = pace.spent(ReadingPace.burst + 1_000_000, now: 0)
        #expect(pace.rest(now: 0) == 20_000_000)
        #expect(pace.rest(now: 10_000_000) == 10_000_000)
        #expect(pace.rest(now: 20_000_000) == 0)
    }

    @Test("a long silence gives no more than one burst")
    func silence() {
        var pace = ReadingPace(share: 0.05, now: 0)
        #expect(pace.spent(ReadingPace.burst + 1_000_000, now: 1000 * second) == 20_000_000)
    }

    @Test("what was asked for costs nothing, and is used up")
    func allowance() {
        var pace = ReadingPace(share: 0.05, now: 0)
        pace.allow(60_000_000)
        #expect(pace.spent(60_000_000, now: 0) == 0)
        #expect(pace.spent(ReadingPace.burst, now: 0) == 0)
        #expect(pace.spent(1_000_000, now: 0) > 0)
    }

    @Test("a share of 1 is no bound")
    func unbounded() {
        var pace = ReadingPace(share: 1, now: 0)
        for _ in 0..<100 { #expect(pace.spent(second, now: 0) == 0) }
    }
}
