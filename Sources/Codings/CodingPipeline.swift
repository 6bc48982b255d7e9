/// Steps in a row, each drawing from the one before it through a fixed buffer, so that no layer is ever held whole, and nothing is
/// unpacked that nobody has asked for.
///
/// States: open, ended, failed. After a failure every call throws it again; after the end, calls return nothing and drop what comes.
struct CodingPipeline {
    private enum State {
        case open, ended
        case failed(CodingFailure)
    }

    /// A step, and what it gave that the next has not taken yet.
    private final class Layer {
        let coding: ContentCoding
        let step: any CodingStep
        var produced = 0
        var pending = UnsafeRawBufferPointer(start: nil, count: 0)
        /// None for the last, which writes to the caller's.
        let buffer: UnsafeMutableRawBufferPointer

        init(_ coding: ContentCoding, _ step: any CodingStep, isLast: Bool) {
            self.coding = coding
            self.step = step
            buffer = isLast ? .init(start: nil, count: 0) : .allocate(byteCount: bufferSize, alignment: 16)
        }

        deinit { buffer.deallocate() }
    }

    static let bufferSize = 64 * 1024

    private let layers: [Layer]
    private let limits: CodingLimits?
    private let needsEnd: Bool
    private var state = State.open
    /// Bytes that the first step has taken.
    private var taken = 0

    /// Steps in the order the bytes pass them, at least one. Without `limits` output is not counted. `needsEnd` makes an `end`
    /// inside the coded data a failure, unless there was no input at all.
    init(_ steps: [(ContentCoding, any CodingStep)], limits: CodingLimits?, needsEnd: Bool) {
        let steps = steps.isEmpty ? [(.identity, Copying())] : steps
        layers = steps.enumerated().map { Layer($0.element.0, $0.element.1, isLast: $0.offset == steps.count - 1) }
        self.limits = limits
        self.needsEnd = needsEnd
    }

    /// Moves bytes from the front of `input`, which it shortens, through all steps to `output`, and returns how many it wrote.
    ///
    /// Where it leaves room in the output, it has taken all of the input and met the goal; else it wants to be called again.
    mutating func step(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ goal: CodingGoal
    ) throws(CodingFailure) -> Int {
        switch state {
        case .ended:
            input = .init(rebasing: input[input.count...])
            return 0
        case .failed(let failure): throw failure
        case .open: break
        }
        do throws(CodingFailure) {
            var written = 0
            while written < output.count {
                let count = try draw(layers.count - 1, &input, into: .init(rebasing: output[written...]), goal)
                guard count > 0 else {
                    if goal == .end { try end() }
                    break
                }
                written += count
            }
            return written
        } catch {
            state = .failed(error)
            throw error
        }
    }

    private mutating func end() throws(CodingFailure) {
        state = .ended
        guard needsEnd, taken > 0, let open = layers.first(where: { !$0.step.isComplete }) else { return }
        throw .truncated(open.coding)
    }

    /// What the layer gives next; 0 if the input is used up and the goal met.
    private mutating func draw(
        _ index: Int, _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ goal: CodingGoal
    ) throws(CodingFailure) -> Int {
        let layer = layers[index]
        guard index > 0 else {
            while true {
                let offered = input.count
                let written = try run(layer, &input, into: output, goal)
                taken += offered - input.count
                try count(written, of: layer)
                if written > 0 || input.isEmpty { return written }
                guard input.count < offered else { throw .corrupt(layer.coding, reason: "no progress") }
            }
        }
        let source = layers[index - 1]
        while true {
            if source.pending.isEmpty {
                let count = try draw(index - 1, &input, into: source.buffer, goal)
                source.pending = UnsafeRawBufferPointer(rebasing: source.buffer[..<count])
            }
            let offered = source.pending.count
            // The goal is met step by step: while the one before still gives, there is more to come.
            let written = try run(layer, &source.pending, into: output, offered == 0 ? goal : .more)
            try count(written, of: layer)
            if written > 0 || offered == 0 { return written }
            guard source.pending.count < offered else { throw .corrupt(layer.coding, reason: "no progress") }
        }
    }

    private func run(
        _ layer: Layer, _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ goal: CodingGoal
    ) throws(CodingFailure) -> Int {
        // One that is complete holds nothing back; asking it again would make an encoder begin anew.
        if input.isEmpty, layer.step.isComplete { return 0 }
        return try layer.step.step(&input, into: output, goal)
    }

    private func count(_ written: Int, of layer: Layer) throws(CodingFailure) {
        guard let limits else { return }
        layer.produced += written
        let allowed = taken.multipliedReportingOverflow(by: limits.maximumRatio)
        if layer.produced > CodingLimits.ratioFreeSize, !allowed.overflow, layer.produced > allowed.partialValue {
            throw .bomb(ratio: limits.maximumRatio)
        }
        if layer.produced > limits.maximumSize { throw .tooLarge(limit: limits.maximumSize) }
    }
}

extension CodingPipeline {
    /// Sends a piece through all steps and returns all that comes out of it.
    mutating func pass(_ bytes: [UInt8], _ goal: CodingGoal) throws(CodingFailure) -> [UInt8] {
        var output: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferSize, alignment: 16)
        defer { buffer.deallocate() }
        try bytes.withUnsafeBufferPointer { bytes throws(CodingFailure) in
            var input = UnsafeRawBufferPointer(bytes)
            var written: Int
            repeat {
                written = try step(&input, into: buffer, goal)
                append(UnsafeRawBufferPointer(rebasing: buffer[..<written]), to: &output)
            } while written == buffer.count
        }
        return output
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

/// The step of a body without codings: the limit on its size holds all the same.
private final class Copying: CodingStep {
    let isComplete = true

    func step(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _: CodingGoal) -> Int {
        let count = min(input.count, output.count)
        output.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[..<count]))
        input = .init(rebasing: input[count...])
        return count
    }
}
