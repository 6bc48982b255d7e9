import HTTP1
import Testing

@Suite("Mutated messages")
struct FuzzTests {
    /// Octets that mean something to a parser, so that mutations reach more than the first check.
    private static let pointed = octets("\r\n\r\n :;,\t\0\u{7F}\u{FF}0aF/HTTP1.")

    private func mutated(_ input: [UInt8], with other: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var output = input
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            guard !output.isEmpty else { return output }
            let position = Int.random(in: output.indices, using: &random)
            let end = Int.random(in: position...min(output.count, position + 12), using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: output[position] = UInt8.random(in: 0...255, using: &random)
            case 1: output[position] = Self.pointed.randomElement(using: &random) ?? 0
            case 2: output.insert(Self.pointed.randomElement(using: &random) ?? 0, at: position)
            case 3: output.removeSubrange(position..<end)
            case 4: output.insert(contentsOf: output[position..<end], at: position)
            default: output.replaceSubrange(position..., with: other[min(position, other.count)...])
            }
        }
        return output
    }

    private func cut(_ input: [UInt8], _ random: inout SeededGenerator) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var start = 0
        while start < input.count {
            let end = min(input.count, start + Int.random(in: 1...16, using: &random))
            pieces.append(Array(input[start..<end]))
            start = end
        }
        return pieces
    }

    @Test("mutated requests end, never trap, and mean the same at every cut", arguments: [1, 2, 3] as [UInt64])
    func requests(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let corpus = GoodMessages.requests.map(octets)
        for _ in 0..<4000 {
            let input = mutated(
                corpus.randomElement(using: &random) ?? [], with: corpus.randomElement(using: &random) ?? [], &random)
            let whole = hearRequests([input])
            #expect(whole == hearRequests(cut(input, &random)), "\(input)")
            #expect([.closed, .waiting].contains(whole.last) || whole.failure != nil)
        }
    }

    @Test("mutated responses end, never trap, and mean the same at every cut", arguments: [4, 5, 6] as [UInt64])
    func responses(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let corpus = GoodMessages.responses.map(octets)
        for _ in 0..<4000 {
            let input = mutated(
                corpus.randomElement(using: &random) ?? [], with: corpus.randomElement(using: &random) ?? [], &random)
            let methods = [["GET", "HEAD", "CONNECT"].randomElement(using: &random) ?? "GET", "GET"]
            let whole = hearResponses([input], to: methods)
            #expect(whole == hearResponses(cut(input, &random), to: methods), "\(input)")
            #expect([.closed, .waiting].contains(whole.last) || whole.failure != nil)
        }
    }
}
