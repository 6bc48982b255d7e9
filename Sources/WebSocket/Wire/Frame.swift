/// What a frame is for (RFC 6455, 5.2).
public enum Opcode: UInt8, Sendable {
    case continuation = 0, text = 1, binary = 2
    case close = 8, ping = 9, pong = 10

    public var isControl: Bool { rawValue >= 8 }
}

/// Which of the two peers sends.
public enum Sender: Sendable {
    case client, server

    var other: Sender { self == .client ? .server : .client }
    var word: String { self == .client ? "client" : "server" }
}

/// The head of a frame.
struct FrameHead: Equatable {
    var opcode: Opcode
    var isFinal: Bool
    /// The first reserved bit: with permessage-deflate, that the message is compressed.
    var isCompressed: Bool
    /// Bytes of the payload.
    var length: Int
    var mask: MaskingKey?
}

/// The four bytes that hide a client's payload (RFC 6455, 5.3).
public struct MaskingKey: Equatable, Sendable {
    let bytes: (UInt8, UInt8, UInt8, UInt8)

    public init(_ bytes: (UInt8, UInt8, UInt8, UInt8)) { self.bytes = bytes }

    public init(_ number: UInt32) {
        bytes = (
            UInt8(truncatingIfNeeded: number >> 24), UInt8(truncatingIfNeeded: number >> 16),
            UInt8(truncatingIfNeeded: number >> 8),
            UInt8(truncatingIfNeeded: number)
        )
    }

    public static func == (left: MaskingKey, right: MaskingKey) -> Bool { left.bytes == right.bytes }

    /// Masks or unmasks; `offset` is where in the payload the bytes begin.
    func apply(to target: UnsafeMutableRawBufferPointer, offset: Int) {
        let key = UInt32(bytes.0) | UInt32(bytes.1) << 8 | UInt32(bytes.2) << 16 | UInt32(bytes.3) << 24
        let shift = UInt32(offset & 3) * 8
        let turned = key >> shift | key << (32 - shift)
        let word = UInt64(littleEndian: UInt64(turned) << 32 | UInt64(turned))
        var index = 0
        while index + 8 <= target.count {
            let masked = target.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ word
            target.storeBytes(of: masked, toByteOffset: index, as: UInt64.self)
            index += 8
        }
        while index < target.count {
            target[index] ^= UInt8(truncatingIfNeeded: turned >> (UInt32(index & 3) * 8))
            index += 1
        }
    }
}
