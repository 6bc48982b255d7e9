import FlowModel
import NIOCore

/// Writes heads and chunks as octets; the inverse of the parsers.
///
/// It decides nothing and checks nothing: `OutgoingFraming` gives the head its framing, `isFitForWire` judges what others put in.
package enum MessageWriter {
    /// Appends the request line, the field lines and the empty line.
    package static func write(_ head: RequestHead, into buffer: inout ByteBuffer) {
        buffer.writeBytes(head.method.bytes)
        buffer.writeInteger(UInt8.space)
        buffer.writeBytes(head.target.bytes)
        buffer.writeStaticString(head.version == .http11 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n")
        write(head.headers, into: &buffer)
        buffer.writeStaticString("\r\n")
    }

    /// Appends the status line, the field lines and the empty line.
    package static func write(_ head: ResponseHead, into buffer: inout ByteBuffer) {
        buffer.writeStaticString(head.version == .http11 ? "HTTP/1.1 " : "HTTP/1.0 ")
        let status = head.status.magnitude
        buffer.writeMultipleIntegers(digit(status / 100), digit(status / 10), digit(status))
        buffer.writeInteger(UInt8.space)
        buffer.writeBytes(head.reason.bytes)
        buffer.writeStaticString("\r\n")
        write(head.headers, into: &buffer)
        buffer.writeStaticString("\r\n")
    }

    /// Appends one chunk with its data; an empty one is left out, since it would end the body.
    package static func writeChunk(_ body: ByteBuffer, into buffer: inout ByteBuffer) {
        guard body.readableBytes > 0 else { return }
        writeChunkStart(length: body.readableBytes, into: &buffer)
        buffer.writeImmutableBuffer(body)
        writeChunkEnd(into: &buffer)
    }

    /// Appends the size line of a chunk whose data, 1 octet or more, is sent from another buffer; then comes `writeChunkEnd`.
    package static func writeChunkStart(length: Int, into buffer: inout ByteBuffer) {
        var shift = (Int.bitWidth - 1 - length.leadingZeroBitCount) & ~3
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: length >> shift & 15)
            buffer.writeInteger(digit + (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10))
            shift -= 4
        }
        buffer.writeStaticString("\r\n")
    }

    /// Appends what stands behind the data of a chunk.
    package static func writeChunkEnd(into buffer: inout ByteBuffer) {
        buffer.writeStaticString("\r\n")
    }

    /// Appends the last chunk and the trailer section, which may be empty.
    package static func writeLastChunk(trailers: Headers?, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("0\r\n")
        if let trailers { write(trailers, into: &buffer) }
        buffer.writeStaticString("\r\n")
    }

    private static func digit(_ number: UInt) -> UInt8 {
        UInt8(ascii: "0") + UInt8(number % 10)
    }

    private static func write(_ headers: Headers, into buffer: inout ByteBuffer) {
        headers.withWireRuns { run in
            buffer.writeBytes(run)
            buffer.writeStaticString("\r\n")
        }
    }
}
