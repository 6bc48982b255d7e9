import FlowModel
import NIOCore

/// Writes heads and chunks as octets; the inverse of the parsers.
///
/// It decides nothing and checks nothing: `OutgoingFraming` gives the head its framing, `isFitForWire` judges what others put in.
public enum MessageWriter {
    /// Appends the request line, the field lines and the empty line.
    public static func write(_ head: RequestHead, into buffer: inout ByteBuffer) {
        let length = head.method.bytes.count + head.target.bytes.count + 14 + head.headers.wireLength
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { room in
            var pen = Pen(room)
            pen.write(head.method)
            pen.write(text: " ")
            pen.write(head.target)
            pen.write(text: head.version == .http11 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n")
            pen.write(head.headers)
            pen.write(text: "\r\n")
            return pen.position
        }
    }

    /// Appends the status line, the field lines and the empty line.
    public static func write(_ head: ResponseHead, into buffer: inout ByteBuffer) {
        let length = head.reason.bytes.count + 17 + head.headers.wireLength
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { room in
            var pen = Pen(room)
            pen.write(text: head.version == .http11 ? "HTTP/1.1 " : "HTTP/1.0 ")
            let status = head.status.magnitude
            pen.write(digit: status / 100 % 10)
            pen.write(digit: status / 10 % 10)
            pen.write(digit: status % 10)
            pen.write(text: " ")
            pen.write(head.reason)
            pen.write(text: "\r\n")
            pen.write(head.headers)
            pen.write(text: "\r\n")
            return pen.position
        }
    }

    /// Appends one chunk with its data; an empty one is left out, since it would end the body.
    public static func writeChunk(_ body: ByteBuffer, into buffer: inout ByteBuffer) {
        guard body.readableBytes > 0 else { return }
        writeChunkStart(length: body.readableBytes, into: &buffer)
        buffer.writeImmutableBuffer(body)
        writeChunkEnd(into: &buffer)
    }

    /// Appends the size line of a chunk whose data, 1 octet or more, is sent from another buffer; then comes `writeChunkEnd`.
    public static func writeChunkStart(length: Int, into buffer: inout ByteBuffer) {
        var shift = (Int.bitWidth - 1 - length.leadingZeroBitCount) & ~3
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: length >> shift & 15)
            buffer.writeInteger(digit + (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10))
            shift -= 4
        }
        buffer.writeStaticString("\r\n")
    }

    /// Appends what stands behind the data of a chunk.
    public static func writeChunkEnd(into buffer: inout ByteBuffer) {
        buffer.writeStaticString("\r\n")
    }

    /// Appends the last chunk and the trailer section, which may be empty.
    public static func writeLastChunk(trailers: Headers?, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("0\r\n")
        trailers?.withWireRuns { run in
            buffer.writeBytes(run)
            buffer.writeStaticString("\r\n")
        }
        buffer.writeStaticString("\r\n")
    }
}

/// Writes into room that was measured before.
private struct Pen {
    private let room: UnsafeMutableRawBufferPointer
    private(set) var position = 0

    init(_ room: UnsafeMutableRawBufferPointer) { self.room = room }

    mutating func write(_ octets: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: room[position...]).copyMemory(from: octets)
        position += octets.count
    }

    mutating func write(_ octets: ByteString) { octets.bytes.withUnsafeBytes { write($0) } }

    mutating func write(text: StaticString) { text.withUTF8Buffer { write(UnsafeRawBufferPointer($0)) } }

    mutating func write(digit: UInt) {
        room[position] = UInt8(ascii: "0") + UInt8(digit)
        position += 1
    }

    mutating func write(_ headers: Headers) {
        headers.withWireRuns { run in
            write(run)
            write(text: "\r\n")
        }
    }
}
