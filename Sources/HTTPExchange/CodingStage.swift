import Codings
import FlowModel
import NIOCore
import ProxyKernel

/// Takes the content codings off a body as it passes.
public typealias DecodingStage = CodingStage<ContentDecoder>
/// Puts content codings on a body as it passes. What came in goes out with its piece, so that events arrive as they are sent.
public typealias EncodingStage = CodingStage<ContentEncoder>

/// Sends a body through a coder, in turns that leave the loop to others. Confined to the loop.
///
/// It keeps what came last until its receiver has taken all that it makes of that, in pieces of 64 KiB: what little data unpacks to
/// never stands in memory.
public final class CodingStage<Coder: ContentCoder & ~Copyable>: BodyStage {
    private struct End {
        let trailers: Headers?
    }

    /// Bytes that come out at a time.
    private static var outputSize: Int { 64 * 1024 }
    /// Bytes that go in at a time.
    private static var inputSize: Int { 128 * 1024 }
    /// Bytes in or out until others have their turn.
    private static var turnSize: Int { 512 * 1024 }

    private var coder: Coder
    private let loop: any EventLoop
    private let explain: (CodingFailure) -> ProxyFailure
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: outputSize, alignment: 16)
    private var waiting = ByteBuffer()
    private var end: End?
    /// Whether everything that came has left.
    private var isSettled = true
    private var isHeldBack = false
    private var isMoving = false
    private var isScheduled = false
    public weak var feeding: (any BodySource)?
    public private(set) lazy var output = BodyPipe { [weak self] reads in self?.setReading(reads) }

    /// `explain` says whose fault it is when the body cannot be coded.
    public init(_ coder: consuming Coder, on loop: any EventLoop, explain: @escaping (CodingFailure) -> ProxyFailure) {
        self.coder = coder
        self.loop = loop
        self.explain = explain
    }

    deinit { buffer.deallocate() }

    // MARK: The producer

    /// A body that has failed is taken to its end, and dropped.
    public var takesBody: Bool { output.isComplete || isSettled && !isHeldBack }

    public func body(_ bytes: ByteBuffer) {
        guard !output.isComplete, end == nil, bytes.readableBytes > 0 else { return }
        if waiting.readableBytes == 0 { waiting = bytes } else { waiting.writeImmutableBuffer(bytes) }
        isSettled = false
        move()
    }

    public func bodyEnded(trailers: Headers?) {
        guard !output.isComplete, end == nil else { return }
        end = End(trailers: trailers)
        isSettled = false
        move()
    }

    public func bodyFailed(_ failure: ProxyFailure) { close { $0.failed(failure) } }

    // MARK: The receiver

    private func setReading(_ reads: Bool) {
        isHeldBack = !reads
        if reads { goOn() }
    }

    private func goOn() {
        move()
        if takesBody, !isMoving { feeding?.sinkIsReady() }
    }

    // MARK: Between them

    private func move() {
        guard !isMoving, !isScheduled else { return }
        isMoving = true
        var left = Self.turnSize
        while !output.isComplete, !isSettled, !isHeldBack, left > 0 { left -= step() }
        isMoving = false
        guard !output.isComplete, !isSettled, !isHeldBack else { return }
        isScheduled = true
        loop.assumeIsolated().execute {
            self.isScheduled = false
            self.goOn()
        }
    }

    /// Takes and gives one piece; returns the bytes that went in or out.
    private func step() -> Int {
        let offered = min(waiting.readableBytes, Self.inputSize)
        let goal: CodingGoal = offered < waiting.readableBytes ? .more : end == nil ? .flush : .end
        var left = 0
        let result = waiting.withUnsafeReadableBytes { bytes -> Result<Int, CodingFailure> in
            var input = UnsafeRawBufferPointer(rebasing: bytes[..<offered])
            defer { left = input.count }
            do throws(CodingFailure) {
                return .success(try coder.step(&input, into: buffer, goal))
            } catch {
                return .failure(error)
            }
        }
        waiting.moveReaderIndex(forwardBy: offered - left)
        guard case .success(let written) = result else {
            if case .failure(let failure) = result { close { $0.failed(explain(failure)) } }
            return 0
        }
        if written > 0 { output.received(ByteBuffer(bytes: UnsafeRawBufferPointer(rebasing: buffer[..<written]))) }
        if written < buffer.count {
            if goal == .end { close { [end] in $0.ended(trailers: end?.trailers) } }
            isSettled = end == nil && waiting.readableBytes == 0
        }
        return max(written, offered - left)
    }

    private func close(_ end: (BodyPipe) -> Void) {
        waiting = ByteBuffer()
        end(output)
        if !isMoving { feeding?.sinkIsReady() }
    }
}
