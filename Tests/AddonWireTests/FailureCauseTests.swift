import Testing

@testable import AddonWire

struct FailureCauseTests {
    @Test("continue goes on and kill fails, whatever the cause", arguments: FailureCause.allCases, 1...2)
    func plain(cause: FailureCause, attempt: Int) {
        #expect(FailurePolicy.continue.resolution(of: cause, attempt: attempt) == .goOn)
        #expect(FailurePolicy.kill.resolution(of: cause, attempt: attempt) == .fail)
    }

    @Test("retry tries once more if the worker was gone, and never a third time", arguments: FailureCause.allCases)
    func retry(cause: FailureCause) {
        let isGone = cause == .crash || cause == .start
        #expect(FailurePolicy.retry.resolution(of: cause, attempt: 1) == (isGone ? .tryAgain : .fail))
        #expect(FailurePolicy.retry.resolution(of: cause, attempt: 2) == .fail)
    }
}
