import FlowModel
import HTTP1
import Testing

@Suite("Limits")
struct LimitTests {
    private func limits(_ change: (inout Limits) -> Void) -> Limits {
        var limits = Limits()
        change(&limits)
        return limits
    }

    /// The failure with the input whole and in single octets, which must agree.
    private func failure(_ input: String, _ limits: Limits) -> MessageFailure? {
        let whole = hearRequests(input, limits: limits).failure
        #expect(hearRequests(octets(input).map { [$0] }, limits: limits).failure == whole)
        return whole
    }

    private func padded(_ count: Int) -> String { String(repeating: "x", count: count) }

    @Test("a request line may have the limit and not one octet more, terminated or not")
    func requestLine() {
        let line = "GET /" + padded(86) + " HTTP/1.1"
        let rest = "\r\nHost: a\r\n\r\n"
        let tooLong = MessageFailure.requestLineTooLong(limit: 100)
        #expect(line.count == 100)
        #expect(failure(line + rest, limits { $0.requestLine = 100 }) == nil)
        #expect(failure("G" + line + rest, limits { $0.requestLine = 100 }) == tooLong)
        #expect(failure(padded(102), limits { $0.requestLine = 100 }) == tooLong)
        #expect(failure(padded(101), limits { $0.requestLine = 100 }) == .closedInHead(received: 101))
    }

    @Test("a field line may have the limit and not one octet more")
    func fieldLine() {
        let allowed = limits { $0.fieldLine = 50 }
        let start = "GET / HTTP/1.1\r\nHost: a\r\n"
        let tooLong = MessageFailure.lineTooLong(.init(.head, line: 3), limit: 50)
        #expect(failure(start + "A: " + padded(47) + "\r\n\r\n", allowed) == nil)
        #expect(failure(start + "A: " + padded(48) + "\r\n\r\n", allowed) == tooLong)
        #expect(failure(start + padded(52), allowed) == tooLong)
    }

    @Test("a head may have the limit and not one octet more")
    func head() {
        let input = "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n"
        #expect(failure(input, limits { $0.head = input.utf8.count }) == nil)
        #expect(failure(input, limits { $0.head = input.utf8.count - 1 }) == .headTooLarge(limit: input.utf8.count - 1))
        #expect(failure("\r\n\r\n" + input, limits { $0.head = input.utf8.count }) == nil)
    }

    @Test("a head may have the limit of fields and not one more")
    func fields() {
        let input = "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n"
        #expect(failure(input, limits { $0.fields = 3 }) == nil)
        #expect(failure(input, limits { $0.fields = 2 }) == .tooManyFields(limit: 2))
    }

    @Test("a chunk extension may have the limit and not one octet more")
    func chunkExtension() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        let allowed = limits { $0.chunkExtension = 20 }
        let tooLong = MessageFailure.chunkExtensionTooLong(limit: 20)
        #expect(failure(head + "0;" + padded(19) + "\r\n\r\n", allowed) == nil)
        #expect(failure(head + "0000000000000000;" + padded(19) + "\r\n\r\n", allowed) == nil)
        #expect(failure(head + "0;" + padded(20) + "\r\n\r\n", allowed) == tooLong)
        #expect(failure(head + "0;" + padded(60), allowed) == tooLong)
    }

    @Test("trailers may have the limit and not one octet more, and the limit of fields anew")
    func trailers() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        #expect(failure(head + "A: b\r\n\r\n", limits { $0.trailers = 8 }) == nil)
        #expect(failure(head + "A: bc\r\n\r\n", limits { $0.trailers = 8 }) == .trailersTooLarge(limit: 8))
        #expect(failure(head + "A: b\r\nC: d\r\n\r\n", limits { $0.fields = 2 }) == nil)
        #expect(failure(head + "A: b\r\nC: d\r\nE: f\r\n\r\n", limits { $0.fields = 2 }) == .tooManyFields(limit: 2))
    }

    @Test("a status line has the limit of a field line")
    func statusLine() {
        let allowed = limits { $0.fieldLine = 20 }
        #expect(hearResponses("HTTP/1.1 204 " + padded(7) + "\r\n\r\n", limits: allowed).failure == nil)
        let tooLong = MessageFailure.lineTooLong(.init(.head, line: 1), limit: 20)
        #expect(hearResponses("HTTP/1.1 204 " + padded(8) + "\r\n\r\n", limits: allowed).failure == tooLong)
    }

    @Test("the defaults are those that are documented")
    func defaults() {
        #expect(failureAtDefaults(line: 16 * 1024) == nil)
        #expect(failureAtDefaults(line: 16 * 1024 + 1) == .requestLineTooLong(limit: 16384))
        #expect(hearRequests("GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "A:\r\n", count: 499) + "\r\n").failure == nil)
        #expect(
            hearRequests("GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "A:\r\n", count: 500) + "\r\n").failure
                == .tooManyFields(limit: 500))
    }

    private func failureAtDefaults(line: Int) -> MessageFailure? {
        hearRequests("GET /" + padded(line - 14) + " HTTP/1.1\r\nHost: a\r\n\r\n").failure
    }
}
