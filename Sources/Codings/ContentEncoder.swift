/// Applies content codings to one body, piece by piece. Not for use by two threads at once.
package struct ContentEncoder: ~Copyable {
    private var pipeline: CodingPipeline

    /// `codings` in the order they are applied, that is the order of `Content-Encoding`.
    package init(_ codings: [ContentCoding], level: CodingLevel = .fast) throws(CodingFailure) {
        guard codings.count(where: { $0 != .identity }) <= ContentCoding.maximumStack else {
            throw .tooMany(limit: ContentCoding.maximumStack)
        }
        var steps: [(ContentCoding, any CodingStep)] = []
        for coding in codings {
            if let step = try coding.encodingStep(level) { steps.append((coding, step)) }
        }
        pipeline = CodingPipeline(steps, limits: nil, needsEnd: false)
    }

    /// Encodes the next piece of the body; libraries hold input back, so the result is often empty.
    package mutating func encode(_ chunk: [UInt8]) throws(CodingFailure) -> [UInt8] {
        try pipeline.pass(chunk, ending: false)
    }

    /// Ends the body and returns its last piece. A body of no bytes still becomes valid coded data.
    package mutating func finish() throws(CodingFailure) -> [UInt8] {
        try pipeline.pass([], ending: true)
    }

    /// Encodes a whole body at once.
    package static func encode(
        _ bytes: [UInt8], codings: [ContentCoding], level: CodingLevel = .fast
    ) throws(CodingFailure) -> [UInt8] {
        var encoder = try ContentEncoder(codings, level: level)
        return try encoder.pipeline.pass(bytes, ending: true)
    }
}
