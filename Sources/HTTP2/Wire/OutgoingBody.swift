import FlowModel
import NIOCore

/// What of a body waits for the peer's windows.
final class OutgoingBody {
    private var chunks = CircularBuffer<ByteBuffer>()
    private(set) var size = 0
    private(set) var isEnded = false
    private(set) var trailers: Headers?
    /// nghttp2 has asked for more than there was, and is to be told when there is some.
    var isDeferred = false

    func append(_ bytes: ByteBuffer) {
        chunks.append(bytes)
        size += bytes.readableBytes
    }

    func end(_ trailers: Headers?) {
        isEnded = true
        self.trailers = trailers.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Takes the oldest `count` bytes out.
    func move(_ count: Int, into output: inout ByteBuffer) {
        var rest = min(count, size)
        size -= rest
        while rest > 0, var chunk = chunks.first {
            let length = min(rest, chunk.readableBytes)
            output.writeImmutableBuffer(chunk.readSlice(length: length) ?? ByteBuffer())
            rest -= length
            if chunk.readableBytes == 0 { chunks.removeFirst() } else { chunks[chunks.startIndex] = chunk }
        }
    }
}
