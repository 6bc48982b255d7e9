import NIOCore
import ProxyKernel
import Testing

@Suite("Buffers of unknown length")
struct GrowingBufferTests {
    /// How often a buffer moves while so many bytes come in pieces of 64 KiB.
    private func moves(_ total: Int) -> (count: Int, buffer: ByteBuffer) {
        let piece = ByteBuffer(repeating: 7, count: 64 * 1024)
        var buffer = ByteBuffer()
        var count = 0
        while buffer.readableBytes < total {
            let before = buffer.capacity
            buffer.makeRoom(for: piece.readableBytes)
            buffer.writeImmutableBuffer(piece)
            if buffer.capacity != before { count += 1 }
        }
        return (count, buffer)
    }

    @Test("a long one moves seldom and keeps what it holds")
    func long() {
        let (count, buffer) = moves(40 << 20)
        // 64, 128, 256 and 512 KiB, 1, 8 and 64 MiB.
        #expect(count == 7)
        #expect(buffer.readableBytes == 40 << 20)
        #expect(buffer == ByteBuffer(repeating: 7, count: 40 << 20))
    }

    @Test("a short one has no more room than it needs, by doubling")
    func short() {
        #expect(moves(192 * 1024).buffer.capacity == 256 * 1024)
    }

    @Test("one with room stays as it is, one with little gets what is asked for")
    func asked() {
        var buffer = ByteBuffer(repeating: 7, count: 2 << 20)
        let before = buffer.capacity
        buffer.makeRoom(for: before - buffer.writerIndex)
        #expect(buffer.capacity == before)
        buffer.makeRoom(for: 100 << 20)
        #expect(buffer.writableBytes >= 100 << 20)
    }
}
