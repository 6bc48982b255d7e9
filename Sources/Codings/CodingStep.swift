/// One direction of one coding over one body: what each compression library is wrapped into.
///
/// The caller repeats `step` until it leaves room in the output, and then brings more input.
protocol CodingStep: AnyObject {
    /// Moves bytes from the front of `input`, which it shortens, to `output`, and returns how many it wrote.
    ///
    /// `ending` says that nothing follows `input`; an encoder then writes what it held back. Decoders take input after the end of
    /// the coded data and drop it, as browsers do; only `zstd` reads it as a further frame.
    func step(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, ending: Bool)
        throws(CodingFailure)
        -> Int

    /// Whether the coded data came to its end; an encoder's output only does after `ending`.
    var isComplete: Bool { get }
}

extension ContentCoding {
    /// Undoes the coding; `nil` for `identity`.
    func decodingStep() throws(CodingFailure) -> (any CodingStep)? {
        switch self {
        case .gzip, .deflate: try Inflation(self)
        case .brotli: try BrotliDecoding()
        case .zstd: try ZstdDecoding()
        case .identity: nil
        }
    }

    /// Applies the coding; `nil` for `identity`.
    func encodingStep(_ level: CodingLevel) throws(CodingFailure) -> (any CodingStep)? {
        switch self {
        case .gzip, .deflate: try Deflation(self, level: level)
        case .brotli: try BrotliEncoding(level: level)
        case .zstd: try ZstdEncoding(level: level)
        case .identity: nil
        }
    }
}
