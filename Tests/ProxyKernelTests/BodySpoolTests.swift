import FlowModel
import Foundation
import NIOCore
import NIOPosix
import ProxyKernel
import Testing

/// Bodies that are gathered in memory or in files, on a loop of their own, and what comes out of files.
final class BodySpoolTests: Sendable {
    private let folder = "/tmp/weir-spool-\(UUID().uuidString)"
    private var store: BodyStore { BodyStore(confdir: folder, memoryLimit: 3 << 20, limit: 8 << 20) }

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false) }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func onLoop<Value: Sendable>(_ body: @escaping @Sendable (any EventLoop) async throws -> Value) async throws -> Value
    {
        let loop = NIOSingletons.posixEventLoopGroup.any()
        return try await Task(executorPreference: OnLoop(loop)) { try await body(loop) }.value
    }

    private static func octets(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

    /// A body that is sent in pieces as long as it is read.
    private final class Producer: @unchecked Sendable {
        private let octets: [UInt8]
        private let loop: any EventLoop
        private var offset = 0
        private var reads = false
        private var isScheduled = false
        var stops = 0
        lazy var pipe = BodyPipe { [unowned self] in setReading($0) }

        init(_ octets: [UInt8], on loop: any EventLoop) { (self.octets, self.loop) = (octets, loop) }

        private func setReading(_ reads: Bool) {
            if self.reads, !reads { stops += 1 }
            self.reads = reads
            guard reads, !isScheduled else { return }
            isScheduled = true
            loop.assumeIsolated().execute { self.step() }
        }

        private func step() {
            isScheduled = false
            guard reads, !pipe.isComplete else { return }
            let end = min(offset + 100_000, octets.count)
            pipe.received(ByteBuffer(bytes: octets[offset..<end]))
            offset = end
            if end == octets.count { pipe.ended(trailers: nil) } else { setReading(reads) }
        }
    }

    @Test(
        "a body is held in memory up to the bound and in a file beyond it, whether its length is known or not",
        arguments: [0, 1, 3 << 20, 3 << 20 + 1, 8 << 20], [true, false])
    func holds(size: Int, isKnown: Bool) async throws {
        let store = store
        try await onLoop { loop in
            let octets = Self.octets(size)
            let producer = Producer(octets, on: loop)
            let length: BodyLength = isKnown ? .exact(size) : .unknown
            let content = try await producer.pipe.collect(in: store, length, of: "of a test", waiter: nil, on: loop)
            switch content {
            case .bytes(let bytes): #expect(size <= 3 << 20 && bytes == ByteBuffer(bytes: octets))
            case .file(let file): #expect(try size > 3 << 20 && file.read(at: 0, count: size) == ByteBuffer(bytes: octets))
            default: Issue.record("\(content)")
            }
        }
    }

    @Test("a body that is longer than may be held is lost, whether its head says so or not", arguments: [true, false])
    func isTooLong(isKnown: Bool) async throws {
        let store = store
        let note = try await onLoop { loop in
            let producer = Producer(Self.octets(8 << 20 + 1), on: loop)
            do throws(ProxyFailure) {
                let length: BodyLength = isKnown ? .exact(8 << 20 + 1) : .unknown
                _ = try await producer.pipe.collect(in: store, length, of: "of a test", waiter: nil, on: loop)
                return "a body"
            } catch {
                return error.note
            }
        }
        #expect(note == "the body of a test is larger than the 8388608 bytes that may be held for an addon")
    }

    @Test("without its folder the failure is ours, and names it")
    func hasNoFolder() async throws {
        let store = BodyStore(confdir: "\(folder)/missing", memoryLimit: 0, limit: 8 << 20)
        let folder = folder
        try await onLoop { loop in
            let producer = Producer(Self.octets(10), on: loop)
            do throws(ProxyFailure) {
                _ = try await producer.pipe.collect(in: store, .unknown, of: "of a test", waiter: nil, on: loop)
                Issue.record("it was held")
            } catch {
                #expect(error.fault == .us && error.status == 502)
                #expect(error.note == "a body cannot be held in a file in \(folder)/missing/bodies: No such file or directory")
            }
        }
    }

    @Test("a body that breaks off while it goes to its file fails as it did")
    func breaksOff() async throws {
        let store = store
        let note = try await onLoop { loop in
            let pipe = BodyPipe { _ in }
            Self.breakOff(pipe, on: loop)
            do throws(ProxyFailure) {
                _ = try await pipe.collect(in: store, .unknown, of: "of a test", waiter: nil, on: loop)
                return "a body"
            } catch {
                return error.note
            }
        }
        #expect(note == "it left")
    }

    @Test("what is held in a file comes out as it went in, no faster than it is taken")
    func comesOut() async throws {
        let store = store
        try await onLoop { loop in
            let octets = Self.octets(5 << 20)
            let producer = Producer(octets, on: loop)
            let content = try await producer.pipe.collect(in: store, .unknown, of: "of a test", waiter: nil, on: loop)
            guard case .file(let file) = content else {
                Issue.record("\(content)")
                return
            }
            let pipe = BodyFileSource.pipe(file, trailers: Headers([("a", "1")]), on: loop)
            let sink = SlowSink(on: loop)
            let done = Pending<Bool>(on: loop)
            pipe.whenDone = { done.resume(true) }
            pipe.join(sink)
            _ = try await done.wait(as: nil)
            #expect(sink.bytes == ByteBuffer(bytes: octets) && sink.trailers == Headers([("a", "1")]))
            #expect(sink.most <= 2)
        }
    }

    private static func breakOff(_ pipe: BodyPipe, on loop: any EventLoop) {
        loop.assumeIsolated().execute {
            pipe.received(ByteBuffer(bytes: octets(5 << 20)))
            pipe.failed(ProxyFailure(.closed, fault: .server, "it left"))
        }
    }

    /// Takes one piece in a turn of the loop.
    private final class SlowSink: BodySink {
        private let loop: any EventLoop
        private var inTurn = 0
        var bytes = ByteBuffer()
        var trailers: Headers?
        /// Pieces that came in one turn.
        var most = 0
        var takesBody: Bool { inTurn == 0 }
        weak var feeding: (any BodySource)?

        init(on loop: any EventLoop) { self.loop = loop }

        func body(_ bytes: ByteBuffer) {
            self.bytes.writeImmutableBuffer(bytes)
            inTurn += 1
            most = max(most, inTurn)
            guard inTurn == 1 else { return }
            loop.assumeIsolated().execute {
                self.inTurn = 0
                self.feeding?.sinkIsReady()
            }
        }
        func bodyEnded(trailers: Headers?) { self.trailers = trailers }
        func bodyFailed(_ failure: ProxyFailure) {}
    }
}
