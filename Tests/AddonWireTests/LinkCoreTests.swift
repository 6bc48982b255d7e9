import Schema
import Testing

@testable import AddonWire

struct LinkCoreTests {
    @Test("the answer to initialize may come in two reads, and events begin after it")
    func handshake() {
        var core = LinkCore()
        core.start(LinkMessage("initialize"), now: 0)
        #expect(
            String(decoding: core.takeOutput(), as: UTF8.self) == #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#
                + "\n")
        #expect(
            core.event(LinkMessage("request"), timeout: 1, now: 0)
                == .refused(LinkFailure(.crash, "the connection takes no events")))
        let text = Array((#"{"jsonrpc":"2.0","id":1,"result":{"hooks":["a"]}}"# + "\n").utf8)
        for cut in 1..<text.count {
            var split = core
            #expect(text[..<cut].withUnsafeBytes { split.received($0, now: 0) } == [])
            #expect(text[cut...].withUnsafeBytes { split.received($0, now: 0) } == [.initialized(["hooks": ["a"]])])
        }
    }

    @Test("a worker that is silent or refuses ends the handshake")
    func failedHandshake() {
        var core = LinkCore()
        core.start(LinkMessage("initialize"), now: 0)
        #expect(core.tick(now: 9_999) == [])
        #expect(core.tick(now: 10_000) == [])
        #expect(core.tick(now: 10_001) == [.close(.handshake("no answer to initialize within 10000 ms"))])
        #expect(core.state == .closed)
        core = LinkCore()
        core.start(LinkMessage("initialize"), now: 0)
        let refusal = Array((#"{"id":1,"error":{"code":-1,"message":"no"}}"# + "\n").utf8).withUnsafeBytes {
            core.received($0, now: 0)
        }
        #expect(refusal == [.close(.handshake("it answered with error -1: no"))])
    }

    @Test("32 answers in reverse order each find their event")
    func reverse() {
        var link = LinkDialogue()
        let ids = (0..<32).map { _ in link.event() }
        #expect(ids == (2...33).map { .accepted(id: $0) })
        #expect(link.flush().count == 32)
        let lines = (2...33).reversed().map { answer($0) + "\n" }.joined()
        #expect(link.hear(raw: lines) == (2...33).reversed().map { .answered(id: $0, [:]) })
        #expect(link.core.openEvents == 0)
    }

    @Test("second answers, answers to nothing and answers with null are counted and dropped")
    func strayAnswers() {
        var link = LinkDialogue()
        _ = link.event()
        #expect(link.hear(answer(2), answer(2), answer(7), #"{"id":null,"result":{}}"#) == [.answered(id: 2, [:])])
        #expect(link.core.counters.duplicate == 1)
        #expect(link.core.counters.unknown == 2)
        #expect(link.core.counters.dropped == 3)
        #expect(link.core.state == .ready)
    }

    @Test("cancel tells the worker, frees the slot, and makes the answer a late one")
    func cancel() {
        var link = LinkDialogue({ $0.maximumInFlight = 1 })
        _ = link.event()
        _ = link.event("next")
        #expect(link.flush().count == 1)
        #expect(link.core.cancel(2, why: "client_gone", now: 0) == [])
        #expect(
            link.flush() == [
                #"{"jsonrpc":"2.0","method":"cancel","params":{"id":2,"why":"client_gone"}}"#,
                #"{"jsonrpc":"2.0","id":3,"method":"next","params":{}}"#,
            ])
        #expect(link.core.mayStillAnswer(2))
        #expect(link.hear(answer(2), answer(3)) == [.late(id: 2), .answered(id: 3, [:])])
        #expect(link.core.counters.late == 1 && !link.core.mayStillAnswer(2))
    }

    @Test("an event that is cancelled in the queue is never sent")
    func cancelQueued() {
        var link = LinkDialogue({ $0.maximumInFlight = 1 })
        _ = (link.event("a"), link.event("b"), link.event("c"))
        #expect(link.core.cancel(3, why: "client_gone", now: 0) == [])
        #expect(link.flush().count == 1)
        _ = link.hear(answer(2))
        #expect(link.flush() == [#"{"jsonrpc":"2.0","id":4,"method":"c","params":{}}"#])
    }

    @Test("the deadline runs from the write, and what was readable before it counts")
    func deadline() {
        var link = LinkDialogue()
        link.now = 100
        _ = link.event(timeout: 1000)
        link.now = 500
        _ = link.flush()
        #expect(link.core.tick(now: 1499) == [])
        // Past the deadline one more turn is given, in which the answer may be read.
        #expect(link.core.tick(now: 1500) == [])
        var answered = link
        answered.now = 1500
        #expect(answered.hear(answer(2)) == [.answered(id: 2, [:])])
        #expect(link.core.tick(now: 1501) == [.failed(id: 2, LinkFailure(.timeout, "no answer within 1001 ms"))])
        #expect(link.flush() == [#"{"jsonrpc":"2.0","method":"cancel","params":{"id":2,"why":"timeout"}}"#])
        #expect(link.hear(answer(2)) == [.late(id: 2)])
        #expect(link.core.counters.late == 1)
        // A second answer to the same event is one too many.
        #expect(link.hear(answer(2)) == [])
        #expect((link.core.counters.late, link.core.counters.duplicate) == (1, 1))
    }

    @Test("an event that the worker does not take in time fails as overload")
    func neverWritten() {
        var link = LinkDialogue()
        _ = link.event(timeout: 1000)
        _ = link.core.takeOutput()
        #expect(link.pass(to: 2000) == [.failed(id: 2, LinkFailure(.overload, "it could not be sent within 1000 ms"))])
    }

    @Test("a worker may ask for more time, and not for more than the bound")
    func extend() {
        var link = LinkDialogue({ $0.maximumExtension = 3000 })
        _ = link.event(timeout: 1000)
        _ = link.flush()
        link.now = 900
        #expect(link.hear(#"{"method":"event.extend","params":{"id":2,"ms":1500}}"#) == [])
        #expect(link.pass(to: 2300) == [])
        #expect(link.hear(#"{"method":"event.extend","params":{"id":2,"ms":999999}}"#) == [])
        #expect(link.pass(to: 2999) == [])
        #expect(link.pass(to: 3001).count == 1)
        #expect(link.core.counters.failed == [.timeout: 1])
    }

    @Test("events above the bound in flight wait in order, and those above the queue fail")
    func queue() {
        var link = LinkDialogue({
            $0.maximumInFlight = 2
            $0.queueLength = 1
        })
        #expect((0..<3).map { _ in link.event() } == [.accepted(id: 2), .accepted(id: 3), .accepted(id: 4)])
        #expect(link.event() == .refused(LinkFailure(.overload, "1 events wait already")))
        #expect(link.flush().count == 2)
        #expect(link.hear(answer(3)) == [.answered(id: 3, [:])])
        #expect(link.flush() == [#"{"jsonrpc":"2.0","id":4,"method":"request","params":{}}"#])
    }

    @Test("the worker's own bound in flight holds where it is the lower one")
    func workersBound() {
        var link = LinkDialogue(maximumInFlight: 1)
        _ = (link.event(), link.event())
        #expect(link.flush().count == 1)
    }

    @Test("an event's line of exactly the worker's limit is sent, one byte more fails that event alone")
    func tooLarge() {
        let size = #"{"jsonrpc":"2.0","id":2,"method":"request","params":{}}"#.utf8.count
        var link = LinkDialogue(workerLine: size)
        #expect(link.event() == .accepted(id: 2))
        let note = "the event's line has \(size + 1) bytes; the worker takes \(size)"
        #expect(link.event("request1") == .refused(LinkFailure(.tooLarge, note)))
        #expect(link.core.state == .ready)
    }

    @Test(
        "a bad line closes the connection and fails what is open",
        arguments: [
            "garbage", "[]", #"[{"id":2,"result":{}}]"#, "3", "{}", #"{"method":3}"#, #"{"id":2,"result":{"a":1,"a":2}}"#,
            #"{"id":2,"result":"\ud800"}"#, "",
        ])
    func badLine(line: String) throws {
        var link = LinkDialogue()
        _ = link.event()
        let actions = link.hear(line)
        guard case .failed(id: 2, let failure) = try #require(actions.first), case .close(.badLine) = try #require(actions.last)
        else {
            Issue.record("\(actions)")
            return
        }
        #expect(failure.cause == .crash)
        #expect(link.core.counters.badLines == 1)
        #expect(link.hear(answer(2)) == [])
    }

    @Test("a line above the ceiling closes the connection")
    func ceiling() {
        var link = LinkDialogue({ $0.ownLine = 64 })
        let fitting = answer(9)
        #expect(link.hear(fitting + String(repeating: " ", count: 64 - fitting.utf8.count)) == [])
        #expect(link.hear(fitting + String(repeating: " ", count: 65 - fitting.utf8.count)) == [.close(.lineTooLong(limit: 64))])
    }

    @Test(
        "a bad answer costs its event only",
        arguments: [
            (#"{"id":2,"error":{"code":5,"message":"oh"}}"#, FailureCause.workerError),
            (#"{"id":2,"result":{},"error":{"code":5,"message":"oh"}}"#, .badReply),
            (#"{"id":2}"#, .badReply), (#"{"id":2,"error":"oh"}"#, .badReply),
        ])
    func badAnswer(line: String, cause: FailureCause) throws {
        var link = LinkDialogue()
        _ = link.event()
        guard case .failed(id: 2, let failure) = try #require(link.hear(line).first) else {
            Issue.record("no failure")
            return
        }
        #expect(failure.cause == cause)
        #expect(link.core.state == .ready)
    }

    @Test("while draining, events at hand end, new ones are refused, and the last one passes")
    func draining() {
        var link = LinkDialogue()
        _ = link.event()
        #expect(link.core.drain() == [])
        #expect(link.event() == .refused(LinkFailure(.crash, "the connection takes no events")))
        #expect(link.hear(answer(2)) == [.answered(id: 2, [:]), .drained])
        #expect(link.core.event(LinkMessage("done"), timeout: 1000, isLast: true, now: 0) == .accepted(id: 3))
        #expect(link.hear(answer(3)) == [.answered(id: 3, [:])])
        #expect(link.core.close(.finished) == [.close(.finished)])
    }

    @Test("the end of the connection fails every event once, in flight and waiting")
    func ended() {
        var link = LinkDialogue({ $0.maximumInFlight = 1 })
        _ = (link.event(), link.event())
        let failure = LinkFailure(.crash, "the connection ended")
        #expect(link.core.close(.ended) == [.failed(id: 2, failure), .failed(id: 3, failure), .close(.ended)])
        #expect(link.core.close(.ended) == [])
        #expect(link.core.wake == nil)
    }

    @Test("an idle worker is pinged; two misses close, any line forgives")
    func pings() {
        var link = LinkDialogue()
        #expect(link.pass(to: 15_000) == [])
        #expect(link.flush() == [#"{"jsonrpc":"2.0","id":2,"method":"ping","params":{}}"#])
        #expect(link.hear(answer(2)) == [])
        #expect(link.pass(to: 30_000) == [])
        #expect(link.flush().count == 1)
        #expect(link.pass(to: 35_002) == [])
        #expect(link.flush() == [#"{"jsonrpc":"2.0","id":4,"method":"ping","params":{}}"#])
        #expect(link.pass(to: 40_100) == [.close(.silent)])
    }

    @Test("a ping that runs out while the core itself stood still is given its time once more")
    func starvedPing() {
        var link = LinkDialogue()
        _ = link.pass(to: 15_000)
        #expect(link.flush().count == 1)
        // Nothing ran for 40 seconds: the answers of two pings could not have come.
        link.now = 60_000
        #expect(link.core.tick(now: 60_000) == [])
        #expect(link.pass(to: 64_000) == [])
        #expect(link.core.counters.missedPings == 0)
        #expect(link.hear(answer(2)) == [])
        #expect(link.core.state == .ready)
    }

    @Test("a worker with an event in flight is not pinged")
    func noPingWhileBusy() {
        var link = LinkDialogue()
        _ = link.event(timeout: 100_000)
        _ = link.flush()
        #expect(link.pass(to: 50_000) == [])
        #expect(link.flush() == [])
    }

    @Test("a worker that is silent while two events run out is given up")
    func silentUnderLoad() {
        var link = LinkDialogue()
        for start in [0, 6_000, 12_000] as [Int64] {
            _ = link.pass(to: start)
            _ = link.event()
            _ = link.flush()
        }
        #expect(link.core.state == .ready)
        let actions = link.pass(to: 18_000)
        #expect(actions.last == .close(.silent))
        #expect(link.core.counters.failed == [.timeout: 3])
    }

    @Test("notifications are dropped and counted when the worker does not read")
    func notifications() {
        var link = LinkDialogue({ $0.maximumBytesInFlight = 100 })
        #expect(link.core.notify(LinkMessage("tell")) == true)
        #expect(link.core.notify(LinkMessage("tell")) == true)
        #expect(link.core.notify(LinkMessage("tell")) == false)
        #expect(link.core.counters.notificationsDropped == 1)
        #expect(link.flush().count == 2)
        #expect(link.core.notify(LinkMessage("tell")) == true)
    }

    @Test("calls are handed on, and refusals carry the worker's own id")
    func calls() {
        var link = LinkDialogue()
        #expect(
            link.hear(#"{"id":"a","method":"flow.list","params":{"n":1}}"#)
                == [.call(id: "a", method: "flow.list", params: ["n": 1])])
        #expect(link.core.refuse("a", code: -32601, kind: "unsupported", "no") == [])
        #expect(
            link.flush()
                == [#"{"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"no","data":{"kind":"unsupported"}}}"#])
    }
}
