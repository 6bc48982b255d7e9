import CZlib

/// Why compressed data was not read.
enum InflationFailure: Error, Equatable {
    case corrupt(String)
    /// It ends inside a block.
    case truncated
    /// What came out was not taken.
    case refused
}

/// Undoes permessage-deflate for the messages of one direction (RFC 7692, 7.2.2).
///
/// The window is always the largest: a sender that agreed to a smaller one, 8 bits among them, is understood with it as well.
final class MessageInflation {
    private static let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]

    private let stream: UnsafeMutablePointer<z_stream>
    private let keepsContext: Bool
    /// A block that said it was the last has ended, and nothing came behind it.
    private var isAtEnd = false

    /// Nil if there is no memory for it.
    init?(keepsContext: Bool) {
        self.keepsContext = keepsContext
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard inflateInit2_(stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Unpacks the next piece of a message. What comes out is handed to `take`, at most 16 KiB at a time, until that says no.
    func inflate(
        _ piece: UnsafeRawBufferPointer, take: (UnsafeRawBufferPointer) -> Bool
    ) throws(InflationFailure) {
        var rest = piece
        while !rest.isEmpty {
            // zlib counts in 32 bits.
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
            try feed(part, take)
            rest = .init(rebasing: rest.dropFirst(part.count))
        }
    }

    /// Ends a message: what its sender has left out is put back.
    func finish(take: (UnsafeRawBufferPointer) -> Bool) throws(InflationFailure) {
        if !isAtEnd {
            let tail = Self.tail
            let result = tail.withUnsafeBytes { bytes in
                Result { () throws(InflationFailure) in try feed(bytes, take) }
            }
            try result.get()
            // 128: between two blocks; the low bits: none of the last byte is left over.
            guard isAtEnd || stream.pointee.data_type & 0xBF == 128 else { throw .truncated }
        }
        isAtEnd = false
        if !keepsContext { inflateReset(stream) }
    }

    private func feed(
        _ piece: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) -> Bool
    ) throws(InflationFailure) {
        stream.pointee.next_in = UnsafeMutablePointer(mutating: piece.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(piece.count)
        defer { stream.pointee.next_in = nil }
        while true {
            let (status, isTaken) = withUnsafeTemporaryAllocation(byteCount: 1 << 14, alignment: 8) { room in
                stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_out = UInt32(room.count)
                let status = CZlib.inflate(stream, Z_SYNC_FLUSH)
                let count = room.count - Int(stream.pointee.avail_out)
                return (status, count == 0 || take(UnsafeRawBufferPointer(rebasing: room.prefix(count))))
            }
            guard isTaken else { throw .refused }
            switch status {
            case Z_STREAM_END:
                // A further message may still refer to what was before it: the window stays.
                inflateResetKeep(stream)
                isAtEnd = stream.pointee.avail_in == 0
                if isAtEnd { return }
            case Z_OK, Z_BUF_ERROR:
                isAtEnd = false
                if stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 { return }
            default: throw .corrupt(stream.pointee.msg.map { String(cString: $0) } ?? "inflate returned \(status)")
            }
        }
    }
}

/// Applies permessage-deflate to the messages of one direction (RFC 7692, 7.2.1).
final class MessageDeflation {
    /// zlib makes no raw deflate data with a window of 8 bits, though it reads it: who agreed to that gets messages as they are.
    static func isPossible(windowBits: Int) -> Bool { (9...15).contains(windowBits) }

    private let stream: UnsafeMutablePointer<z_stream>
    private let keepsContext: Bool

    /// Nil if there is no memory for it, or zlib cannot.
    init?(windowBits: Int, keepsContext: Bool) {
        guard Self.isPossible(windowBits: windowBits) else { return nil }
        self.keepsContext = keepsContext
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let status = deflateInit2_(
            stream, Z_BEST_SPEED, Z_DEFLATED, -Int32(windowBits), 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// A message's payload; nil if zlib fails, after which nothing more can be made.
    func deflate(_ content: [UInt8]) -> [UInt8]? {
        // An empty block; zlib would write nothing where nothing is to be flushed.
        if content.isEmpty { return [0x00] }
        guard content.count <= Int(UInt32.max) else { return nil }
        var output: [UInt8] = []
        let isDone = content.withUnsafeBytes { bytes in
            stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.pointee.avail_in = UInt32(bytes.count)
            defer { stream.pointee.next_in = nil }
            while true {
                let status = withUnsafeTemporaryAllocation(byteCount: 1 << 14, alignment: 8) { room in
                    stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.pointee.avail_out = UInt32(room.count)
                    let status = CZlib.deflate(stream, Z_SYNC_FLUSH)
                    output.append(contentsOf: room.prefix(room.count - Int(stream.pointee.avail_out)))
                    return status
                }
                guard status == Z_OK || status == Z_BUF_ERROR else { return false }
                if stream.pointee.avail_out > 0 { return true }
            }
        }
        guard isDone, output.count >= 4 else { return nil }
        output.removeLast(4)
        if !keepsContext { deflateReset(stream) }
        return output
    }
}
