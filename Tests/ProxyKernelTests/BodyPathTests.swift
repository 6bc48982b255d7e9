import FlowModel
import NIOCore
import NIOPosix
import ProxyKernel
import Testing

/// A body's way, on a loop of its own.
@Suite struct BodyPathTests {
    /// What a test does on the loop, as a session would.
    private func onLoop<Value: Sendable>(_ body: @escaping @Sendable (any EventLoop) async throws -> Value) async throws -> Value
    {
        let loop = NIOSingletons.posixEventLoopGroup.any()
        return try await Task(executorPreference: OnLoop(loop)) { try await body(loop) }.value
    }

    private static let store = BodyStore(confdir: "/nowhere", memoryLimit: 1000, limit: 1000)

    private static func bytes(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    @Test("a prefix is there as soon as its bytes are, and stays where it was")
    func prefix() async throws {
        try await onLoop { loop in
            let pipe = BodyPipe { _ in }
            let path = BodyPath(pipe, length: .unknown)
            pipe.received(Self.bytes("ab"))
            later(on: loop) { pipe.received(Self.bytes("cdef")) }
            let prefix = try await path.prefix(3, patience: .hours(1), waiter: nil, on: loop)
            #expect(prefix == Self.bytes("abc") && path.flows)
            pipe.ended(trailers: Headers([("a", "1")]))
            let whole = try await path.hold(in: Self.store, limit: 100, of: "of a test", waiter: nil, on: loop)
            #expect(whole == .bytes(Self.bytes("abcdef")))
            #expect(!path.flows && path.pipe.trailers == Headers([("a", "1")]))
        }
    }

    @Test("a prefix is shorter where the body ends before, or too little comes in time")
    func shortPrefix() async throws {
        try await onLoop { loop in
            let ending = BodyPipe { _ in }
            later(on: loop) {
                ending.received(Self.bytes("a"))
                ending.ended(trailers: nil)
            }
            let path = BodyPath(ending, length: .unknown)
            let all = try await path.prefix(3, patience: .hours(1), waiter: nil, on: loop)
            #expect(all == Self.bytes("a"))
            let silent = BodyPath(BodyPipe { _ in }, length: .unknown)
            let nothing = try await silent.prefix(3, patience: .milliseconds(1), waiter: nil, on: loop)
            #expect(nothing == ByteBuffer() && silent.flows)
        }
    }

    @Test("a body that breaks off has no prefix")
    func brokenPrefix() async throws {
        let note = try await onLoop { loop in
            let pipe = BodyPipe { _ in }
            later(on: loop) { pipe.failed(ProxyFailure(.closed, fault: .server, "it left")) }
            do throws(ProxyFailure) {
                _ = try await BodyPath(pipe, length: .unknown).prefix(3, patience: .hours(1), waiter: nil, on: loop)
                return "a prefix"
            } catch {
                return error.note
            }
        }
        #expect(note == "it left")
    }

    @Test("a body that is too long to be held goes on flowing, with all of its bytes")
    func tooLong() async throws {
        try await onLoop { loop in
            let pipe = BodyPipe { _ in }
            let path = BodyPath(pipe, length: .unknown)
            later(on: loop) { pipe.received(Self.bytes("0123456789")) }
            do throws(ProxyFailure) {
                _ = try await path.hold(in: Self.store, limit: 5, of: "of a test", waiter: nil, on: loop)
                Issue.record("it was held")
            } catch {
                #expect(error.what == .limit && path.flows)
            }
            let sink = Sink()
            path.pipe.join(sink)
            pipe.received(Self.bytes("ab"))
            pipe.ended(trailers: nil)
            #expect(sink.bytes == Self.bytes("0123456789ab") && sink.hasEnded)
        }
    }

    @Test("who reads is announced once for each stage, and a stage's output has no known length")
    func stages() {
        var asked = 0
        let pipe = BodyPipe { _ in }
        let path = BodyPath(pipe, length: .exact(2)) { asked += 1 }
        #expect(path.flows && !path.isEmpty)
        let stage = Doubling()
        path.pass(through: stage)
        #expect(asked == 1 && path.length == .unknown && path.pipe === stage.output)
        let sink = Sink()
        path.pipe.join(sink)
        pipe.received(Self.bytes("ab"))
        pipe.ended(trailers: nil)
        #expect(sink.bytes == Self.bytes("aabb") && sink.hasEnded)
    }

    @Test("stages are told when nobody wants the body any more")
    func discarded() {
        let pipe = BodyPipe { _ in }
        let path = BodyPath(pipe, length: .unknown)
        let stage = Doubling()
        path.pass(through: stage)
        path.discard()
        #expect(stage.failure?.what == .cancelled && !path.flows)
        pipe.received(Self.bytes("ab"))
        pipe.ended(trailers: nil)
    }

    @Test("a body whose head says that it is empty does not flow once it has ended")
    func empty() {
        let pipe = BodyPipe { _ in }
        let path = BodyPath(pipe, length: .exact(0))
        #expect(path.flows && !path.isEmpty)
        pipe.ended(trailers: nil)
        #expect(!path.flows && path.isEmpty)
        #expect(!BodyPath(pipe, length: .none).flows)
    }

    @Test("a copy is what has passed, and none if that is more than may be kept or has not ended")
    func copies() {
        for (limit, ends, expected) in [(10, true, "abcd"), (3, true, nil), (10, false, nil)] as [(Int, Bool, String?)] {
            let pipe = BodyPipe { _ in }
            pipe.received(Self.bytes("ab"))
            pipe.copy(upTo: limit)
            pipe.join(Sink())
            pipe.received(Self.bytes("cd"))
            if ends { pipe.ended(trailers: nil) }
            #expect(pipe.takeCopy() == expected.map { Self.bytes($0) })
        }
    }
}

/// In one of the loop's next turns.
private func later(on loop: any EventLoop, _ work: @escaping () -> Void) { loop.assumeIsolated().execute(work) }

private final class Sink: BodySink {
    var bytes = ByteBuffer()
    var hasEnded = false
    var failure: ProxyFailure?
    var takesBody = true
    weak var feeding: (any BodySource)?

    func body(_ bytes: ByteBuffer) { self.bytes.writeImmutableBuffer(bytes) }
    func bodyEnded(trailers: Headers?) { hasEnded = true }
    func bodyFailed(_ failure: ProxyFailure) { self.failure = failure }
}

/// Sends each byte twice.
private final class Doubling: BodyStage {
    let output = BodyPipe { _ in }
    var failure: ProxyFailure?
    var takesBody = true
    weak var feeding: (any BodySource)?

    func body(_ bytes: ByteBuffer) { output.received(ByteBuffer(bytes: bytes.readableBytesView.flatMap { [$0, $0] })) }
    func bodyEnded(trailers: Headers?) { output.ended(trailers: trailers) }
    func bodyFailed(_ failure: ProxyFailure) {
        self.failure = failure
        output.failed(failure)
    }
}
