import AddonWire
import FlowModel
import NIOCore
import Schema
import Testing

@testable import AddonHost

/// Dialogues of one body with one worker; credit is 16 bytes each way.
@Suite struct StreamCoreTests {
    private func bytes(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    private func core(_ policy: FailurePolicy = .continue) -> StreamCore {
        StreamCore(policy: policy, timeout: 100, window: 16)
    }

    private let crash = LinkFailure(.crash, "the connection ended")

    @Test("the original goes to the worker, the worker's to the receiver, and its end is the end")
    func passes() {
        var core = core()
        #expect(core.body(bytes("abc"), now: 0) == [.sendData(bytes("abc"))])
        #expect(core.received(.data(bytes("A")), now: 0) == [.deliver(bytes("A"))])
        #expect(core.bodyEnded(trailers: nil, now: 0) == [.sendEnd(trailers: nil, isDetached: false)])
        #expect(core.received(.data(bytes("B")), now: 0).first == .deliver(bytes("B")))
        #expect(core.received(.end(trailers: nil), now: 0) == [.deliverEnd(trailers: nil), .over])
        #expect(core.isOver && core.deadline == nil)
        #expect(core.received(.data(bytes("late")), now: 0) == [])
    }

    @Test("no more is sent than there is credit for; the rest waits for more, and so does the end")
    func credit() {
        var core = core()
        #expect(core.body(bytes("0123456789abcdefXYZ"), now: 0) == [.sendData(bytes("0123456789abcdef"))])
        #expect(!core.takesBody)
        #expect(core.bodyEnded(trailers: nil, now: 0) == [])
        #expect(core.received(.credit(2), now: 0) == [.sendData(bytes("XY"))])
        #expect(
            core.received(.credit(5), now: 0) == [.sendData(bytes("Z")), .sendEnd(trailers: nil, isDetached: false)])
    }

    @Test("the worker gets credit back in pieces that are worth a line, and only while its receiver takes more")
    func allowance() {
        var core = core()
        #expect(core.received(.data(bytes("1")), now: 0) == [.deliver(bytes("1"))])
        #expect(core.received(.data(bytes("2")), now: 0) == [.deliver(bytes("2")), .sendCredit(2)])
        #expect(core.receiver(isReady: false, now: 0) == [])
        #expect(core.received(.data(bytes("0123456789")), now: 0) == [.deliver(bytes("0123456789"))])
        #expect(core.receiver(isReady: true, now: 0) == [.sendCredit(10)])
    }

    @Test("a worker that sends more than it may breaks the body off, whatever its policy")
    func tooMuch() {
        var core = core()
        let actions = core.received(.data(bytes("0123456789abcdefg")), now: 0)
        #expect(
            actions == [
                .report(LinkFailure(.badReply, "it sent 17 bytes where it had credit for 16")), .sendReset("bad_message"),
                .deliverFailure("it sent 17 bytes where it had credit for 16 (bad_reply)"), .over,
            ])
    }

    @Test("trailers are the original's, unless the worker says otherwise")
    func trailers() {
        let original = Headers([("a", "1")])
        let new = Headers([("b", "2")])
        for (given, expected) in [
            (StreamNotice.end(trailers: nil), original), (.end(trailers: .some(nil)), nil), (.end(trailers: .some(new)), new),
        ] as [(StreamNotice, Headers?)] {
            var core = core()
            #expect(core.bodyEnded(trailers: original, now: 0) == [.sendEnd(trailers: original, isDetached: false)])
            #expect(core.received(given, now: 0) == [.deliverEnd(trailers: expected), .over])
        }
    }

    @Test("an end of the worker's own stops the original, which is taken and thrown away")
    func earlyEnd() {
        var core = core()
        #expect(core.body(bytes("ab"), now: 0) == [.sendData(bytes("ab"))])
        #expect(core.received(.end(trailers: nil), now: 0) == [.deliverEnd(trailers: nil), .over])
        #expect(core.body(bytes("cd"), now: 0) == [] && core.takesBody)
        #expect(core.bodyEnded(trailers: Headers([("a", "1")]), now: 0) == [])
        #expect(core.bodyFailed("gone", why: "broken") == [])
    }

    @Test("behind a detach the worker deals with what it was sent; the rest passes it by, trailers and all")
    func detach() {
        let trailers = Headers([("t", "1")])
        var core = core()
        #expect(core.body(bytes("0123456789abcdefXYZ"), now: 0) == [.sendData(bytes("0123456789abcdef"))])
        #expect(core.received(.detach, now: 0) == [.sendEnd(trailers: nil, isDetached: true)])
        #expect(core.body(bytes("more"), now: 0) == [] && !core.takesBody)
        #expect(core.received(.data(bytes("own")), now: 0) == [.deliver(bytes("own")), .sendCredit(3)])
        #expect(core.received(.end(trailers: .some(nil)), now: 0) == [.deliver(bytes("XYZmore")), .over])
        #expect(core.takesBody)
        #expect(core.body(bytes("rest"), now: 0) == [.deliver(bytes("rest"))])
        #expect(core.bodyEnded(trailers: trailers, now: 0) == [.deliverEnd(trailers: trailers)])
    }

    @Test("a body that ended before the worker's end of a detach ends behind it")
    func detachAtTheEnd() {
        let trailers = Headers([("t", "1")])
        var core = core()
        #expect(core.received(.detach, now: 0) == [.sendEnd(trailers: nil, isDetached: true)])
        #expect(core.body(bytes("all"), now: 0) == [])
        #expect(core.bodyEnded(trailers: trailers, now: 0) == [])
        #expect(
            core.received(.end(trailers: nil), now: 0) == [.deliver(bytes("all")), .deliverEnd(trailers: trailers), .over])
    }

    @Test("a detach that crosses the core's end changes nothing")
    func lateDetach() {
        var core = core()
        #expect(core.bodyEnded(trailers: nil, now: 0) == [.sendEnd(trailers: nil, isDetached: false)])
        #expect(core.received(.detach, now: 0) == [])
        #expect(core.received(.end(trailers: nil), now: 0) == [.deliverEnd(trailers: nil), .over])
    }

    @Test("a worker that fails before its first sign costs nothing under continue: the body passes from its first byte")
    func failsOpen() {
        var core = core()
        #expect(core.body(bytes("0123456789abcdefXYZ"), now: 0) == [.sendData(bytes("0123456789abcdef"))])
        #expect(
            core.lost(crash) == [.report(crash), .deliver(bytes("0123456789abcdef")), .deliver(bytes("XYZ")), .over])
        #expect(core.body(bytes("rest"), now: 0) == [.deliver(bytes("rest"))])
        #expect(core.bodyEnded(trailers: nil, now: 0) == [.deliverEnd(trailers: nil)])
    }

    @Test("a body that was sent whole to a worker that fails before its first sign passes whole")
    func failsOpenAtTheEnd() {
        var core = core()
        _ = core.body(bytes("ab"), now: 0)
        _ = core.bodyEnded(trailers: nil, now: 0)
        #expect(core.lost(crash) == [.report(crash), .deliver(bytes("ab")), .deliverEnd(trailers: nil), .over])
    }

    @Test(
        "after a sign of the worker, and under kill and retry at once, a failure breaks the body off",
        arguments: [FailurePolicy.continue, .kill, .retry])
    func breaksOff(_ policy: FailurePolicy) {
        var core = core(policy)
        _ = core.body(bytes("ab"), now: 0)
        if policy == .continue { _ = core.received(.credit(1), now: 0) }
        #expect(core.lost(crash) == [.report(crash), .deliverFailure("\(crash)"), .over])
        #expect(core.body(bytes("cd"), now: 0) == [] && core.bodyEnded(trailers: nil, now: 0) == [])
    }

    @Test("a sign without bytes is no use of the body, but gives the worker time")
    func signOfLife() {
        var core = core()
        _ = core.body(bytes("0123456789abcdefXYZ"), now: 0)
        #expect(core.deadline == 100)
        #expect(core.received(.credit(0), now: 60) == [] && core.deadline == 160)
        #expect(core.tick(now: 159) == [])
        let failure = LinkFailure(.timeout, "nothing of its stream came within 100 ms")
        #expect(
            core.tick(now: 160) == [
                .report(failure), .sendReset("timeout"), .deliver(bytes("0123456789abcdef")), .deliver(bytes("XYZ")), .over,
            ])
    }

    @Test("a worker owes nothing while it has room for more and the original goes on, nor while its receiver holds it back")
    func owesNothing() {
        var core = core()
        _ = core.body(bytes("ab"), now: 0)
        #expect(core.deadline == nil)
        _ = core.receiver(isReady: false, now: 0)
        _ = core.bodyEnded(trailers: nil, now: 5)
        #expect(core.deadline == nil)
        _ = core.receiver(isReady: true, now: 7)
        #expect(core.deadline == 107)
    }

    @Test("what the worker gives up breaks off with its reason")
    func givesUp() {
        var core = core(.kill)
        let failure = LinkFailure(.workerError, "it gave up: no space")
        #expect(
            core.received(.failed("no space"), now: 0) == [
                .report(failure), .sendReset("bad_message"), .deliverFailure("\(failure)"), .over,
            ])
    }

    @Test("when the original breaks off the worker is told and the receiver as well")
    func originalBreaks() {
        var core = core()
        _ = core.body(bytes("ab"), now: 0)
        #expect(
            core.bodyFailed("server closed", why: "broken") == [.sendReset("broken"), .deliverFailure("server closed"), .over])
    }

    @Test("an event that came to nothing says so where the worker cannot know")
    func dropped() {
        var first = core()
        #expect(first.dropped(tells: true) == [.sendReset("not_opened"), .over] && first.dropped(tells: true) == [])
        var second = core()
        #expect(second.dropped(tells: false) == [.over])
    }
}

@Suite struct TextCutTests {
    @Test("text is cut between characters", arguments: ["é", "€", "😀"])
    func text(_ character: String) {
        let whole = ByteBuffer(string: "ab\(character)")
        let size = character.utf8.count
        for cut in 1..<size { #expect(TextCut.length(of: whole, atMost: 2 + cut) == 2) }
        #expect(TextCut.length(of: whole, atMost: 2 + size) == 2 + size)
        #expect(TextCut.length(of: ByteBuffer(string: character), atMost: size - 1) == 0)
    }

    @Test("what is no text is cut anywhere")
    func octets() {
        #expect(TextCut.length(of: ByteBuffer(bytes: [0xFF, 0x41, 0xE2]), atMost: 3) == 3)
        #expect(TextCut.length(of: ByteBuffer(bytes: [0x41, 0x80, 0x80, 0x80]), atMost: 4) == 4)
        #expect(TextCut.length(of: ByteBuffer(), atMost: 4) == 0)
    }
}

@Suite struct StreamNoticeTests {
    @Test(
        "what a worker may not say is named by its place",
        arguments: [
            ("stream.data", "{\"s\":1}", "params.data: missing (bad_state)"),
            (
                "stream.data", "{\"s\":1,\"data\":5}",
                "params.data: expected a byte string (a string, or an object with b64), found an integer (bad_state)"
            ),
            ("stream.credit", "{\"s\":1}", "params.bytes: missing (bad_state)"),
            ("stream.credit", "{\"s\":1,\"bytes\":-1}", "params.bytes: expected 0 to 1099511627776, found -1 (bad_state)"),
            ("stream.end", "{\"s\":1,\"status\":\"fine\"}", "params.status: expected ok or error, found 'fine' (bad_state)"),
        ])
    func refused(_ method: String, _ params: String, _ why: String) throws {
        let json = try JSONReader().read(Array(params.utf8))
        do {
            let notice = try StreamNotice(method, json)
            Issue.record("taken: \(String(describing: notice))")
        } catch {
            #expect("\(error)" == why)
        }
    }

    @Test("what this version does not know is ignored")
    func unknown() throws { #expect(try StreamNotice("stream.flush", ["s": 1]) == nil) }
}
