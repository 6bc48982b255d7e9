import Testing
import WebSocket

@Suite("Mutated frames")
struct FuzzTests {
    static let corpus: [[UInt8]] =
        ReaderTests.table.map(\.bytes) + ViolationTests.framing.map(\.bytes) + ViolationTests.closing.map(\.bytes)
        + ViolationTests.content.map(\.bytes) + ViolationTests.compressed.map(\.bytes)
        + [
            masked(0xC1, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]) + masked(0xC1, [0xF2, 0x00, 0x11, 0x00, 0x00]),
            frame(0x41, [0xF3, 0x48, 0xCD]) + frame(0x89, [1]) + frame(0x80, [0xC9, 0xC9, 0x07, 0x00, 0x00]),
        ]
    /// First bytes and lengths that mean something.
    private static let pointed: [UInt8] = [
        0x00, 0x01, 0x02, 0x41, 0x80, 0x81, 0x82, 0x88, 0x89, 0xC1, 0x7D, 0x7E, 0x7F, 0xFE, 0xFF,
    ]

    private static func mutated(_ input: [UInt8], with other: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var output = input
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            guard !output.isEmpty else { return output }
            let position = Int.random(in: output.indices, using: &random)
            let end = Int.random(in: position...min(output.count, position + 12), using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: output[position] = UInt8.random(in: 0...255, using: &random)
            case 1: output[position] = pointed.randomElement(using: &random) ?? 0
            case 2: output[position] ^= 1 << UInt8.random(in: 0...7, using: &random)
            case 3: output.removeSubrange(position..<end)
            case 4: output.insert(contentsOf: output[position..<end], at: position)
            default: output.replaceSubrange(position..., with: other[min(position, other.count)...])
            }
        }
        return output
    }

    /// Two inputs of the corpus, one behind the other, with something wrong.
    static func mutation(_ random: inout SeededGenerator) -> [UInt8] {
        let base = corpus.randomElement(using: &random) ?? []
        let other = corpus.randomElement(using: &random) ?? []
        return mutated(base + other, with: base, &random)
    }

    static func pieces(_ input: [UInt8], _ random: inout SeededGenerator) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var start = 0
        while start < input.count {
            let end = min(input.count, start + Int.random(in: 1...16, using: &random))
            pieces.append(Array(input[start..<end]))
            start = end
        }
        return pieces
    }

    @Test("never trap, and mean the same at every cut", arguments: [1, 2, 3] as [UInt64], [Sender.client, .server])
    func readers(seed: UInt64, sender: Sender) throws {
        var random = SeededGenerator(state: seed)
        let compressions = [
            nil, try agreed("permessage-deflate"),
            try agreed("permessage-deflate; client_no_context_takeover; server_no_context_takeover"),
        ]
        for round in 0..<4000 {
            let input = Self.mutation(&random)
            let compression = compressions[round % 3]
            let whole = hear([input], from: sender, compression, limit: 4096)
            let cut = hear(Self.pieces(input, &random), from: sender, compression, limit: 4096)
            #expect(cut == whole, "\(input)")
            #expect(contents(whole).allSatisfy { $0.count <= 4096 })
        }
    }

    @Test("fields of extensions never trap", arguments: [1, 2] as [UInt64])
    func fields(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let base = text(
            "permessage-deflate; server_max_window_bits=\"10\", x; client_no_context_takeover; client_max_window_bits")
        for _ in 0..<3000 {
            let field = String(decoding: Self.mutated(base, with: base, &random), as: UTF8.self)
            let first = try? agreed(field), second = try? agreed(field)
            #expect(first == second)
        }
    }
}
