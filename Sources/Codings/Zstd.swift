import CZstd

/// Undoes `zstd`: any number of frames, skippable ones included.
final class ZstdDecoding: CodingStep {
    /// Frames that ask for a window of more than 8 MiB are refused; RFC 9659 lets no sender use one.
    private static let maximumWindowLog: Int32 = 23

    private let stream: OpaquePointer
    private(set) var isComplete = false

    init() throws(CodingFailure) {
        guard let stream = ZSTD_createDStream() else { throw .unavailable(.zstd, reason: "out of memory") }
        self.stream = stream
        ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Self.maximumWindowLog)
    }

    deinit {
        ZSTD_freeDStream(stream)
    }

    func step(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ goal: CodingGoal)
        throws(CodingFailure)
        -> Int
    {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        while target.pos < target.size, source.pos < source.size || !isComplete {
            let before = (source.pos, target.pos)
            let result = ZSTD_decompressStream(stream, &target, &source)
            if ZSTD_isError(result) != 0 {
                throw .corrupt(.zstd, reason: String(cString: ZSTD_getErrorName(result)))
            }
            // A call that moves nothing at the end of a frame asks for the next frame's header, which need not come.
            guard before != (source.pos, target.pos) else { break }
            isComplete = result == 0
        }
        input = .init(rebasing: input.dropFirst(source.pos))
        return target.pos
    }
}

/// Applies `zstd`.
final class ZstdEncoding: CodingStep {
    private let stream: OpaquePointer
    private(set) var isComplete = false

    init(level: CodingLevel) throws(CodingFailure) {
        guard let stream = ZSTD_createCStream() else { throw .unavailable(.zstd, reason: "out of memory") }
        self.stream = stream
        // Neither level makes a window of more than 8 MiB.
        ZSTD_CCtx_setParameter(stream, ZSTD_c_compressionLevel, level == .fast ? 1 : 15)
    }

    deinit {
        ZSTD_freeCStream(stream)
    }

    func step(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ goal: CodingGoal)
        throws(CodingFailure)
        -> Int
    {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let directive =
            switch goal {
            case .more: ZSTD_e_continue
            case .flush: ZSTD_e_flush
            case .end: ZSTD_e_end
            }
        let result = ZSTD_compressStream2(stream, &target, &source, directive)
        if ZSTD_isError(result) != 0 {
            throw .unavailable(.zstd, reason: String(cString: ZSTD_getErrorName(result)))
        }
        isComplete = goal == .end && result == 0
        input = .init(rebasing: input.dropFirst(source.pos))
        return target.pos
    }
}
