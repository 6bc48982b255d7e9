import NIOCore

/// The frames that one peer sends, as RFC 6455, 5.2 has them; what they mean together is `MessageReader`'s.
///
/// States: in a head, in a payload. Rules: masked by clients and by nobody else, reserved bits, known opcodes, minimal lengths,
/// control frames whole and short. A head is checked as far as it has come.
struct FrameParser {
    private let sender: Sender
    /// Whether the first reserved bit means something.
    private let knowsCompression: Bool
    private var input = ByteBuffer()
    private var head: FrameHead?
    private var taken = 0
    /// Where what `takePassage` has not given begins.
    private var passageStart = 0

    init(from sender: Sender, knowsCompression: Bool) {
        self.sender = sender
        self.knowsCompression = knowsCompression
    }

    /// Bytes that were received and not asked for yet.
    var waiting: Int { input.readableBytes }

    mutating func received(_ bytes: ByteBuffer) {
        if input.readableBytes == 0 {
            input = bytes
        } else {
            if input.readerIndex > input.readableBytes { input.discardReadBytes() }
            input.writeImmutableBuffer(bytes)
        }
        passageStart = input.readerIndex
    }

    /// The head of the next frame, once it is there; its payload follows by `takePayload`.
    mutating func nextHead() throws(Violation) -> FrameHead? {
        guard let first = byte(0) else { return nil }
        guard first & 0x30 == 0 else {
            throw .framing(expected: "reserved bits of 0", found: "RSV2 or RSV3 set")
        }
        guard let opcode = Opcode(rawValue: first & 0x0F) else {
            throw .framing(expected: "a known opcode", found: "\(first & 0x0F)")
        }
        let isCompressed = first & 0x40 != 0
        if isCompressed {
            guard knowsCompression else {
                throw .framing(expected: "reserved bits of 0, since no extension was agreed on", found: "RSV1 set")
            }
            guard opcode == .text || opcode == .binary else {
                throw .framing(
                    expected: "RSV1 on a message's first frame only", found: "it on a frame of opcode \(opcode.rawValue)")
            }
        }
        let isFinal = first & 0x80 != 0
        guard isFinal || !opcode.isControl else {
            throw .framing(expected: "control frames in one piece", found: "a fragment of opcode \(opcode.rawValue)")
        }
        guard let second = byte(1) else { return nil }
        let isMasked = second & 0x80 != 0
        guard isMasked == (sender == .client) else {
            throw .framing(
                expected: sender == .client ? "masked frames from a client" : "unmasked frames from a server",
                found: isMasked ? "a masked one" : "one that is not masked")
        }
        let short = Int(second & 0x7F)
        guard short <= 125 || !opcode.isControl else {
            throw .framing(expected: "at most 125 bytes in a control frame", found: "more")
        }
        guard let (length, size) = try extendedLength(short) else { return nil }
        guard input.readableBytes >= size + (isMasked ? 4 : 0) else { return nil }
        let mask = isMasked ? MaskingKey((byte(size) ?? 0, byte(size + 1) ?? 0, byte(size + 2) ?? 0, byte(size + 3) ?? 0)) : nil
        passageStart = input.readerIndex
        input.moveReaderIndex(forwardBy: size + (isMasked ? 4 : 0))
        let head = FrameHead(opcode: opcode, isFinal: isFinal, isCompressed: isCompressed, length: length, mask: mask)
        self.head = head
        taken = 0
        return head
    }

    /// The payload's length and how many bytes of head come before mask and payload.
    private func extendedLength(_ short: Int) throws(Violation) -> (length: Int, size: Int)? {
        switch short {
        case 126:
            guard let length = input.getInteger(at: input.readerIndex + 2, as: UInt16.self) else { return nil }
            guard length >= 126 else { throw .framing(expected: "lengths in their shortest form", found: "\(length) in 16 bits") }
            return (Int(length), 4)
        case 127:
            guard let length = input.getInteger(at: input.readerIndex + 2, as: UInt64.self) else { return nil }
            guard let length = Int(exactly: length) else { throw .framing(expected: "a length below 2^63", found: "\(length)") }
            guard length > 0xFFFF else {
                throw .framing(expected: "lengths in their shortest form", found: "\(length) in 64 bits")
            }
            return (length, 10)
        default: return (short, 2)
        }
    }

    private func byte(_ offset: Int) -> UInt8? { input.getInteger(at: input.readerIndex + offset, as: UInt8.self) }

    /// Moves what has come of the present payload to the end of `target`, without its mask; true if that was the last of it.
    mutating func takePayload(into target: inout [UInt8]) -> Bool {
        guard let head else { return true }
        let count = min(input.readableBytes, head.length - taken)
        if count > 0 {
            let start = target.count
            input.withUnsafeReadableBytes { target.append(contentsOf: $0.prefix(count)) }
            if let mask = head.mask {
                target.withUnsafeMutableBytes { mask.apply(to: .init(rebasing: $0[start...]), offset: taken) }
            }
            input.moveReaderIndex(forwardBy: count)
            taken += count
        }
        return taken == head.length
    }

    /// What was read of the present frame, head and payload, since the last call or the last bytes that were received: as it came.
    mutating func takePassage() -> ByteBuffer {
        var passage = input
        passage.moveReaderIndex(to: passageStart)
        passage.moveWriterIndex(to: input.readerIndex)
        passageStart = input.readerIndex
        return passage
    }
}
