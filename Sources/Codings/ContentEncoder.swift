/// Applies content codings to one body, piece by piece. Not for use by two threads at once.
public struct ContentEncoder: ContentCoder, ~Copyable {
    private var pipeline: CodingPipeline

    /// `codings` in the order they are applied, that is the order of `Content-Encoding`.
    public init(_ codings: [ContentCoding], level: CodingLevel = .fast) throws(CodingFailure) {
        guard codings.count(where: { $0 != .identity }) <= ContentCoding.maximumStack else {
            throw .tooMany(limit: ContentCoding.maximumStack)
        }
        var steps: [(ContentCoding, any CodingStep)] = []
        for coding in codings {
            if let step = try coding.encodingStep(level) { steps.append((coding, step)) }
        }
        pipeline = CodingPipeline(steps, limits: nil, needsEnd: false)
    }

    public mutating func step(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ goal: CodingGoal
    ) throws(CodingFailure) -> Int {
        try pipeline.step(&input, into: output, goal)
    }

    /// Encodes the next piece of the body. Libraries hold input back, so the result is often empty, unless it is to be flushed: then
    /// a receiver can decode all that was given so far.
    public mutating func encode(_ chunk: [UInt8], flushing: Bool = false) throws(CodingFailure) -> [UInt8] {
        try pipeline.pass(chunk, flushing ? .flush : .more)
    }

    /// Ends the body and returns its last piece. A body of no bytes still becomes valid coded data.
    public mutating func finish() throws(CodingFailure) -> [UInt8] {
        try pipeline.pass([], .end)
    }

    /// Encodes a whole body at once.
    public static func encode(
        _ bytes: [UInt8], codings: [ContentCoding], level: CodingLevel = .fast
    ) throws(CodingFailure) -> [UInt8] {
        var encoder = try ContentEncoder(codings, level: level)
        return try encoder.pipeline.pass(bytes, .end)
    }
}
