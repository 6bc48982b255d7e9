/// Undoes the content codings of one body, piece by piece, within limits.
///
/// It keeps at most the libraries' windows and a buffer per layer, whatever the body unpacks to; with `step` the caller says how much
/// is unpacked, and when. A body of no bytes at all
/// decodes to nothing, since answers to HEAD and 304 carry the field without a body. Bytes after the coded data are dropped
/// (`gzip`, `deflate`, `br`) as browsers do. Not for use by two threads at once.
public struct ContentDecoder: ContentCoder, ~Copyable {
    private var pipeline: CodingPipeline

    /// `codings` in the order of `Content-Encoding`, that is the order they were applied; they are undone from the last.
    public init(_ codings: [ContentCoding], limits: CodingLimits = CodingLimits()) throws(CodingFailure) {
        guard codings.count(where: { $0 != .identity }) <= ContentCoding.maximumStack else {
            throw .tooMany(limit: ContentCoding.maximumStack)
        }
        var steps: [(ContentCoding, any CodingStep)] = []
        for coding in codings.reversed() {
            if let step = try coding.decodingStep() { steps.append((coding, step)) }
        }
        pipeline = CodingPipeline(steps, limits: limits, needsEnd: true)
    }

    public mutating func step(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ goal: CodingGoal
    ) throws(CodingFailure) -> Int {
        try pipeline.step(&input, into: output, goal)
    }

    /// Decodes the next piece of the body and returns what it yields, which may be nothing, or up to `maximumSize` bytes.
    ///
    /// The ratio is taken over all that was decoded so far. After a failure every further call throws the same.
    public mutating func decode(_ chunk: [UInt8]) throws(CodingFailure) -> [UInt8] {
        try pipeline.pass(chunk, .more)
    }

    /// Ends the body; fails with `.truncated` when coded data is missing. Returns what was still held back.
    public mutating func finish() throws(CodingFailure) -> [UInt8] {
        try pipeline.pass([], .end)
    }

    /// Decodes a whole body at once.
    public static func decode(
        _ bytes: [UInt8], codings: [ContentCoding], limits: CodingLimits = CodingLimits()
    ) throws(CodingFailure) -> [UInt8] {
        var decoder = try ContentDecoder(codings, limits: limits)
        return try decoder.pipeline.pass(bytes, .end)
    }
}
