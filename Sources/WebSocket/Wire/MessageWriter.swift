import FlowModel
import NIOCore

/// What one peer is sent: the frames of messages and control frames.
///
/// A message that was not changed goes on in the frames in which it came, still compressed, as long as the receiver's decompressor has
/// seen all that the sender's compressor has. After the first that was changed or dropped that is not so: from then on
/// compressed messages are compressed anew, in a context of our own, each in one frame. Rules: clients' frames are masked
/// (RFC 6455, 5.3), every one with a key of its own.
public struct MessageWriter {
    private let sender: Sender
    /// How what goes this way may be compressed; nil if it may not.
    private let compression: Compression.Way?
    private let nextKey: () -> UInt32
    private var deflation: MessageDeflation?
    /// The receiver's context is what the sender thinks it is.
    private var isInStep: Bool

    /// `sender` is whom we stand for. `receivedWith`: how the messages that come from it are compressed.
    public init(
        as sender: Sender, compression: Compression?, receivedWith other: Compression?, nextKey: @escaping () -> UInt32
    ) {
        self.sender = sender
        self.compression = compression?[sender]
        isInStep = compression?[sender] == other?[sender]
        self.nextKey = nextKey
    }

    /// Writes a message that a peer has sent, or what became of it.
    public mutating func write(_ message: ReceivedMessage, changedTo content: [UInt8]?, into buffer: inout ByteBuffer) {
        let framed: FramedPayload
        if let content {
            framed = message.framed.isCompressed ? made(content) : FramedPayload(bytes: content)
        } else if message.framed.isCompressed, !isInStep {
            framed = made(message.content)
        } else {
            framed = message.framed
        }
        write(framed, message.kind, into: &buffer)
    }

    /// A message that a peer has sent is not passed on.
    public mutating func dropped(_ message: ReceivedMessage) {
        if message.framed.isCompressed { lostStep() }
    }

    /// Writes a message that no peer has sent. It is not compressed, so that it leaves all contexts as they are.
    public func writeInjected(_ kind: WebSocketMessage.Kind, _ content: [UInt8], into buffer: inout ByteBuffer) {
        write(FramedPayload(bytes: content), kind, into: &buffer)
    }

    public func writePing(_ payload: [UInt8], into buffer: inout ByteBuffer) { writeControl(.ping, payload, into: &buffer) }
    public func writePong(_ payload: [UInt8], into buffer: inout ByteBuffer) { writeControl(.pong, payload, into: &buffer) }
    public func writeClose(_ close: CloseFrame, into buffer: inout ByteBuffer) {
        writeControl(.close, close.payload, into: &buffer)
    }

    // MARK: Compression

    private mutating func lostStep() {
        // Without context takeover every message stands for itself.
        if compression?.keepsContext != false { isInStep = false }
    }

    /// The payload of a message that must be made anew: compressed if it can be.
    private mutating func made(_ content: [UInt8]) -> FramedPayload {
        lostStep()
        guard let compression else { return FramedPayload(bytes: content) }
        if deflation == nil {
            deflation = MessageDeflation(windowBits: compression.windowBits, keepsContext: compression.keepsContext)
        }
        guard let bytes = deflation?.deflate(content) else { return FramedPayload(bytes: content) }
        return FramedPayload(bytes: bytes, isCompressed: true)
    }

    // MARK: Frames

    private func write(_ framed: FramedPayload, _ kind: WebSocketMessage.Kind, into buffer: inout ByteBuffer) {
        var opcode: Opcode = kind == .text ? .text : .binary
        var start = 0
        for end in framed.ends {
            writeFrame(opcode, isFinal: false, isCompressed: framed.isCompressed, framed.bytes[start..<end], into: &buffer)
            (opcode, start) = (.continuation, end)
        }
        writeFrame(opcode, isFinal: true, isCompressed: framed.isCompressed, framed.bytes[start...], into: &buffer)
    }

    private func writeControl(_ opcode: Opcode, _ payload: [UInt8], into buffer: inout ByteBuffer) {
        writeFrame(opcode, isFinal: true, isCompressed: false, payload[...], into: &buffer)
    }

    private func writeFrame(
        _ opcode: Opcode, isFinal: Bool, isCompressed: Bool, _ payload: ArraySlice<UInt8>, into buffer: inout ByteBuffer
    ) {
        let reserved: UInt8 = isCompressed && !opcode.isControl && opcode != .continuation ? 0x40 : 0
        buffer.writeInteger((isFinal ? 0x80 : 0) | reserved | opcode.rawValue)
        let masked: UInt8 = sender == .client ? 0x80 : 0
        switch payload.count {
        case ...125: buffer.writeInteger(masked | UInt8(payload.count))
        case ...0xFFFF:
            buffer.writeInteger(masked | 126)
            buffer.writeInteger(UInt16(payload.count))
        default:
            buffer.writeInteger(masked | 127)
            buffer.writeInteger(UInt64(payload.count))
        }
        guard sender == .client else {
            buffer.writeBytes(payload)
            return
        }
        let number = nextKey()
        buffer.writeInteger(number)
        let start = buffer.writerIndex - buffer.readerIndex
        buffer.writeBytes(payload)
        let key = MaskingKey(number)
        buffer.withUnsafeMutableReadableBytes { key.apply(to: .init(rebasing: $0[start...]), offset: 0) }
    }
}

extension FramedPayload {
    /// Where each frame but the last ends.
    fileprivate var ends: [Int] {
        var sum = 0
        return cuts.map { length in
            sum += length
            return sum
        }
    }
}
