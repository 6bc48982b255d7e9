import NIOCore

/// The octets that arrived and were not consumed yet, and whether more can come.
///
/// One piece that arrives while nothing is held is kept as it is, without a copy, and body slices share its storage.
struct Input {
    var buffer = ByteBuffer()
    private(set) var isClosed = false

    mutating func received(_ bytes: ByteBuffer) {
        guard buffer.readableBytes > 0 else {
            buffer = bytes
            return
        }
        // Consumed octets in front would otherwise be carried along by every growth.
        if buffer.readerIndex > buffer.readableBytes { buffer.discardReadBytes() }
        buffer.writeImmutableBuffer(bytes)
    }

    mutating func closed() {
        isClosed = true
    }

    /// Everything held, which is then held no longer.
    mutating func takeAll() -> ByteBuffer {
        defer { buffer = ByteBuffer() }
        return buffer.slice()
    }
}
