import NIOCore

/// Messages on a TCP connection: each behind its length in two octets (RFC 1035 4.2.2). What comes in any pieces is handed on whole.
public struct StreamFraming {
    private var held = ByteBuffer()

    public init() {}

    /// How many octets wait. Less than a message, as long as `next` is called until it has none.
    public var waiting: Int { held.readableBytes }

    public mutating func received(_ bytes: ByteBuffer) {
        guard held.readableBytes > 0 else {
            held = bytes
            return
        }
        held.discardReadBytes()
        held.writeImmutableBuffer(bytes)
    }

    /// The next whole message, which may be of no octets.
    public mutating func next() -> [UInt8]? {
        guard let length = held.getInteger(at: held.readerIndex, as: UInt16.self),
            let octets = held.getBytes(at: held.readerIndex + 2, length: Int(length))
        else { return nil }
        held.moveReaderIndex(forwardBy: 2 + Int(length))
        return octets
    }

    /// A message of at most 65,535 octets behind its length.
    public static func framed(_ octets: [UInt8]) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: octets.count + 2)
        buffer.writeInteger(UInt16(truncatingIfNeeded: octets.count))
        buffer.writeBytes(octets)
        return buffer
    }
}
