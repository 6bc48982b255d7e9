/// Steps in a row, each feeding the next through a fixed buffer, so that no layer is ever held whole.
///
/// States: open, ended, failed. After a failure every call throws it again; after the end, calls return nothing.
struct CodingPipeline {
    private enum State {
        case open, ended
        case failed(CodingFailure)
    }

    private struct Layer {
        let coding: ContentCoding
        let step: any CodingStep
        var produced = 0
    }

    private static let bufferSize = 64 * 1024

    private var layers: [Layer]
    private let limits: CodingLimits?
    private let needsEnd: Bool
    private var state = State.open
    private var received = 0

    /// Steps in the order the bytes pass them. Without `limits` output is not counted. `needsEnd` makes an `end` inside the coded
    /// data a failure, unless there was no input at all.
    init(_ steps: [(ContentCoding, any CodingStep)], limits: CodingLimits?, needsEnd: Bool) {
        layers = steps.map { Layer(coding: $0.0, step: $0.1) }
        self.limits = limits
        self.needsEnd = needsEnd
    }

    /// Sends a piece through all steps and returns what comes out at the end; `ending` says that it is the last piece.
    mutating func pass(_ bytes: [UInt8], ending: Bool) throws(CodingFailure) -> [UInt8] {
        switch state {
        case .ended: return []
        case .failed(let failure): throw failure
        case .open: break
        }
        received += bytes.count
        var output: [UInt8] = []
        do throws(CodingFailure) {
            try bytes.withUnsafeBufferPointer { bytes throws(CodingFailure) in
                try pass(UnsafeRawBufferPointer(bytes), from: 0, ending: ending, to: &output)
            }
            if ending {
                state = .ended
                if needsEnd, received > 0, let open = layers.first(where: { !$0.step.isComplete }) {
                    throw .truncated(open.coding)
                }
            }
        } catch {
            state = .failed(error)
            throw error
        }
        return output
    }

    private mutating func pass(
        _ bytes: UnsafeRawBufferPointer, from index: Int, ending: Bool, to output: inout [UInt8]
    ) throws(CodingFailure) {
        guard index < layers.count else {
            append(bytes, to: &output)
            return
        }
        let step = layers[index].step
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferSize, alignment: 16)
        defer { buffer.deallocate() }
        var input = bytes
        while true {
            let offered = input.count
            let written = try step.step(&input, into: buffer, ending: ending)
            try count(written, at: index)
            // A step that is complete holds nothing back; asking it again would make an encoder begin anew.
            let more = !input.isEmpty || !step.isComplete && (written == buffer.count || ending && !needsEnd)
            // The next layer is told of the end by the last, possibly empty, piece.
            if written > 0 || ending && !more {
                let piece = UnsafeRawBufferPointer(rebasing: buffer[..<written])
                try pass(piece, from: index + 1, ending: ending && !more, to: &output)
            }
            guard more else { return }
            guard written > 0 || input.count < offered else {
                throw .corrupt(layers[index].coding, reason: "no progress")
            }
        }
    }

    private mutating func count(_ written: Int, at index: Int) throws(CodingFailure) {
        guard let limits else { return }
        layers[index].produced += written
        let produced = layers[index].produced
        let allowed = received.multipliedReportingOverflow(by: limits.maximumRatio)
        if produced > CodingLimits.ratioFreeSize, !allowed.overflow, produced > allowed.partialValue {
            throw .bomb(ratio: limits.maximumRatio)
        }
        if produced > limits.maximumSize { throw .tooLarge(limit: limits.maximumSize) }
    }

    private func append(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        let needed = output.count + bytes.count
        if let limits, needed > output.capacity {
            // Growth by doubling would reserve up to twice the limit.
            output.reserveCapacity(max(needed, min(2 * needed, limits.maximumSize)))
        }
        output.append(contentsOf: bytes)
    }
}
