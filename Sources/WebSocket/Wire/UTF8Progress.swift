/// Whether bytes that come piece by piece are UTF-8 (RFC 3629); the first byte that cannot be is found at once.
struct UTF8Progress {
    /// Bytes that the present character still needs, and what the next of them may be.
    private var needed = 0
    private var next: ClosedRange<UInt8> = 0x80...0xBF

    /// No character is left unfinished.
    var isComplete: Bool { needed == 0 }

    /// False if the bytes cannot belong to any text.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < bytes.count {
            if needed == 0 {
                while index + 8 <= bytes.count,
                    bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
                { index += 8 }
                guard index < bytes.count else { return true }
                guard begin(bytes[index]) else { return false }
            } else {
                guard next.contains(bytes[index]) else { return false }
                next = 0x80...0xBF
                needed -= 1
            }
            index += 1
        }
        return true
    }

    private mutating func begin(_ lead: UInt8) -> Bool {
        switch lead {
        case 0x00...0x7F: return true
        case 0xC2...0xDF: needed = 1
        case 0xE0: (needed, next) = (2, 0xA0...0xBF)
        case 0xED: (needed, next) = (2, 0x80...0x9F)
        case 0xE1...0xEF: needed = 2
        case 0xF0: (needed, next) = (3, 0x90...0xBF)
        case 0xF1...0xF3: needed = 3
        case 0xF4: (needed, next) = (3, 0x80...0x8F)
        default: return false
        }
        return true
    }
}
