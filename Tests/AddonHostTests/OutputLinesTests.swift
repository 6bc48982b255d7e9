import Testing

@testable import AddonHost

struct OutputLinesTests {
    @Test("lines are whole, cut at the bound, and show control characters as text")
    func lines() {
        var output = OutputLines(maximumLength: 8)
        #expect(output.received(Array("on".utf8), now: 0) == [])
        #expect(
            output.received(Array("e\r\n\u{1B}[31m\n0123456789\n\u{85}x\n".utf8), now: 0) == [
                "one", "\\x1b[31m", "01234567…", "\\x85x",
            ])
        #expect(output.received(Array("rest".utf8), now: 0) == [])
        #expect(output.finished(now: 0) == ["rest"])
    }

    @Test("what is above the rate is counted in one line")
    func rate() {
        var output = OutputLines(rate: 2)
        let flood = Array(String(repeating: "x\n", count: 5).utf8)
        #expect(output.received(flood, now: 5000) == ["x", "x"])
        #expect(output.received(flood, now: 5999) == [])
        #expect(output.received(flood, now: 6000) == ["(8 lines suppressed)", "x", "x"])
        #expect(output.finished(now: 6001) == ["(3 lines suppressed)"])
    }
}
