import CBrotli

/// Undoes `br`.
final class BrotliDecoding: CodingStep {
    private let state: OpaquePointer
    private(set) var isComplete = false

    init() throws(CodingFailure) {
        guard let state = BrotliDecoderCreateInstance(nil, nil, nil) else {
            throw .unavailable(.brotli, reason: "out of memory")
        }
        self.state = state
    }

    deinit {
        BrotliDecoderDestroyInstance(state)
    }

    func step(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ goal: CodingGoal)
        throws(CodingFailure)
        -> Int
    {
        guard !isComplete else {
            input = .init(rebasing: input[input.count...])
            return 0
        }
        var offered = input.count
        var next = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var room = output.count
        var out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let result = BrotliDecoderDecompressStream(state, &offered, &next, &room, &out, nil)
        input = .init(rebasing: input.suffix(offered))
        if result == BROTLI_DECODER_RESULT_ERROR {
            let reason = BrotliDecoderErrorString(BrotliDecoderGetErrorCode(state)).map { String(cString: $0) }
            throw .corrupt(.brotli, reason: reason ?? "unknown error")
        }
        isComplete = result == BROTLI_DECODER_RESULT_SUCCESS
        return output.count - room
    }
}

/// Applies `br`.
final class BrotliEncoding: CodingStep {
    private let state: OpaquePointer
    /// The library takes no input, and does not end, before all that a flush has begun is out.
    private var isFlushing = false

    init(level: CodingLevel) throws(CodingFailure) {
        guard let state = BrotliEncoderCreateInstance(nil, nil, nil) else {
            throw .unavailable(.brotli, reason: "out of memory")
        }
        self.state = state
        BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, level == .fast ? 1 : 9)
    }

    deinit {
        BrotliEncoderDestroyInstance(state)
    }

    var isComplete: Bool {
        BrotliEncoderIsFinished(state) != 0
    }

    func step(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ goal: CodingGoal)
        throws(CodingFailure)
        -> Int
    {
        var written = 0
        if isFlushing {
            var none = UnsafeRawBufferPointer(start: nil, count: 0)
            written = try compress(&none, into: output, BROTLI_OPERATION_FLUSH)
            guard written < output.count else { return written }
            isFlushing = false
        }
        let operation =
            switch goal {
            case .more: BROTLI_OPERATION_PROCESS
            case .flush: BROTLI_OPERATION_FLUSH
            case .end: BROTLI_OPERATION_FINISH
            }
        written += try compress(&input, into: .init(rebasing: output[written...]), operation)
        isFlushing = goal == .flush && written == output.count
        return written
    }

    private func compress(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ operation: BrotliEncoderOperation
    ) throws(CodingFailure) -> Int {
        var offered = input.count
        var next = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var room = output.count
        var out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard BrotliEncoderCompressStream(state, operation, &offered, &next, &room, &out, nil) != 0 else {
            throw .unavailable(.brotli, reason: "BrotliEncoderCompressStream failed")
        }
        input = .init(rebasing: input.suffix(offered))
        return output.count - room
    }
}
