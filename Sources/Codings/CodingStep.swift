/// What is to come out behind the input that is at hand. Decoders never hold back what they can tell.
public enum CodingGoal: Sendable {
    /// What the library sees fit: more input follows.
    case more
    /// All that the receiver needs to have the input so far; more follows.
    case flush
    /// All: nothing follows.
    case end
}

/// One direction of one coding over one body: what each compression library is wrapped into.
///
/// The caller repeats `step` until it leaves room in the output, and then brings more input.
protocol CodingStep: AnyObject {
    /// Moves bytes from the front of `input`, which it shortens, to `output`, which has room, and returns how many it wrote.
    ///
    /// Decoders take input after the end of the coded data and drop it, as browsers do; only `zstd` reads it as a further frame.
    func step(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ goal: CodingGoal)
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
