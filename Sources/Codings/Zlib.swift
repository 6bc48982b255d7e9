import CZlib

/// Undoes `gzip` and `deflate`.
///
/// `gzip` may be several members, and may be zlib data, which some servers send under that name. `deflate` is zlib data or, as
/// some servers have it, raw deflate data; the first two bytes tell, since raw data that looks like a zlib header would have to
/// start with a stored block with non-zero padding.
final class Inflation: CodingStep {
    private enum State {
        /// Before any coded data, and in a `gzip` body also between members; holds the first byte if it came alone.
        case start(held: UInt8?)
        case inside
        case over
    }

    private let coding: ContentCoding
    private let stream: UnsafeMutablePointer<z_stream>
    private var state = State.start(held: nil)
    private var members = 0

    init(_ coding: ContentCoding) throws(CodingFailure) {
        self.coding = coding
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // Adding 32 to the window's size makes zlib tell gzip from zlib data.
        let status = inflateInit2_(stream, MAX_WBITS + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else {
            stream.deallocate()
            throw .unavailable(coding, reason: "inflateInit2 returned \(status)")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    var isComplete: Bool {
        switch state {
        case .start: members > 0
        case .inside: false
        case .over: true
        }
    }

    func step(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ goal: CodingGoal)
        throws(CodingFailure)
        -> Int
    {
        var written = 0
        while written < output.count {
            switch state {
            case .start(let held):
                guard let first = held ?? input.first else { return written }
                if held == nil { input = .init(rebasing: input.dropFirst()) }
                guard let second = input.first else {
                    state = .start(held: first)
                    return written
                }
                try begin(first, second)
            case .inside:
                let before = (input.count, written)
                written += try inflate(&input, into: .init(rebasing: output[written...]))
                if case .inside = state, before == (input.count, written) || input.isEmpty && written < output.count {
                    return written
                }
            case .over:
                input = .init(rebasing: input[input.count...])
                return written
            }
        }
        return written
    }

    /// Enters a member, given its first two bytes, of which the second has not been consumed.
    private func begin(_ first: UInt8, _ second: UInt8) throws(CodingFailure) {
        if members > 0 {
            guard coding == .gzip, first == 0x1F, second == 0x8B else {
                state = .over
                return
            }
            inflateReset2(stream, MAX_WBITS + 16)
        } else if coding == .deflate {
            let header = Int(first) << 8 | Int(second)
            let wrapped = first & 0x0F == 8 && first >> 4 <= 7 && header % 31 == 0
            inflateReset2(stream, wrapped ? MAX_WBITS : -MAX_WBITS)
        }
        state = .inside
        var first = first
        try withUnsafeBytes(of: &first) { bytes throws(CodingFailure) in
            var bytes = bytes
            // One byte completes no block, hence no room for output is needed; zlib wants a pointer all the same.
            var none: UInt8 = 0
            _ = try withUnsafeMutableBytes(of: &none) { none throws(CodingFailure) in try inflate(&bytes, into: none) }
        }
    }

    private func inflate(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws(CodingFailure)
        -> Int
    {
        let offered = UInt32(clamping: input.count)
        let room = UInt32(clamping: output.count)
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = offered
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = room
        let status = CZlib.inflate(stream, Z_NO_FLUSH)
        input = .init(rebasing: input.dropFirst(Int(offered - stream.pointee.avail_in)))
        switch status {
        case Z_OK, Z_BUF_ERROR:
            break
        case Z_STREAM_END:
            members += 1
            state = coding == .gzip ? .start(held: nil) : .over
        case Z_MEM_ERROR:
            throw .unavailable(coding, reason: "out of memory")
        default:
            throw .corrupt(coding, reason: stream.pointee.msg.map { String(cString: $0) } ?? "inflate returned \(status)")
        }
        return Int(room - stream.pointee.avail_out)
    }
}

/// Applies `gzip` and `deflate`, the latter as zlib data.
final class Deflation: CodingStep {
    private let coding: ContentCoding
    private let stream: UnsafeMutablePointer<z_stream>
    private(set) var isComplete = false

    init(_ coding: ContentCoding, level: CodingLevel) throws(CodingFailure) {
        self.coding = coding
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // Adding 16 to the window's size makes gzip data; 8 is zlib's default for memory.
        let status = deflateInit2_(
            stream, level == .fast ? Z_BEST_SPEED : Z_BEST_COMPRESSION, Z_DEFLATED, coding == .gzip ? MAX_WBITS + 16 : MAX_WBITS,
            8,
            Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else {
            stream.deallocate()
            throw .unavailable(coding, reason: "deflateInit2 returned \(status)")
        }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    func step(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ goal: CodingGoal)
        throws(CodingFailure)
        -> Int
    {
        let offered = UInt32(clamping: input.count)
        let room = UInt32(clamping: output.count)
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = offered
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = room
        // The library counts in 32 bits: what is behind them comes with the next call.
        let flush =
            switch goal {
            case _ where Int(offered) < input.count: Z_NO_FLUSH
            case .more: Z_NO_FLUSH
            case .flush: Z_SYNC_FLUSH
            case .end: Z_FINISH
            }
        let status = deflate(stream, flush)
        input = .init(rebasing: input.dropFirst(Int(offered - stream.pointee.avail_in)))
        switch status {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: isComplete = true
        default: throw .unavailable(coding, reason: "deflate returned \(status)")
        }
        return Int(room - stream.pointee.avail_out)
    }
}
