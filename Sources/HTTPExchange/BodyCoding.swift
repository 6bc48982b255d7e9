import Codings
import NIOCore
import ProxyKernel

/// A whole body on its way through a coder, as far as it got. For one thread at a time.
public final class BodyCoding<Coder: ContentCoder & ~Copyable>: @unchecked Sendable {
    private static var outputSize: Int { 64 * 1024 }
    private static var inputSize: Int { 128 * 1024 }

    private var coder: Coder
    private var rest: ByteBuffer
    /// What came out.
    public private(set) var result = ByteBuffer()

    init(_ coder: consuming Coder, of body: ByteBuffer) {
        self.coder = coder
        rest = body
    }

    /// Goes on to the end, or until about so many bytes went in or came out; returns whether that was the end.
    public func advance(_ amount: Int) throws(CodingFailure) -> Bool {
        var left = amount
        while left > 0 {
            let offered = min(rest.readableBytes, Self.inputSize)
            let isLast = offered == rest.readableBytes
            let (written, taken) = try step(offered, isLast ? .end : .more)
            rest.moveReaderIndex(forwardBy: taken)
            left -= max(written, taken)
            if written < Self.outputSize, isLast {
                // What is kept should not take a room that was made for more.
                if result.readableBytes < Self.outputSize { result = ByteBuffer(bytes: result.readableBytesView) }
                return true
            }
        }
        return false
    }

    private func step(_ offered: Int, _ goal: CodingGoal) throws(CodingFailure) -> (written: Int, taken: Int) {
        var failure: CodingFailure?
        var taken = 0
        result.makeRoom(for: Self.outputSize)
        let written = result.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.outputSize) { room in
            rest.withUnsafeReadableBytes { bytes in
                var input = UnsafeRawBufferPointer(rebasing: bytes[..<offered])
                defer { taken = offered - input.count }
                do throws(CodingFailure) {
                    return try coder.step(&input, into: .init(rebasing: room[..<Self.outputSize]), goal)
                } catch {
                    failure = error
                    return 0
                }
            }
        }
        if let failure { throw failure }
        return (written, taken)
    }
}
