import Testing

@testable import Codings

@Suite struct CodingRoundTripTests {
    @Test(
        "what was encoded decodes to the same bytes, whatever its size",
        arguments: ContentCoding.allCases, [0, 1, 64 * 1024, 5 * 1024 * 1024])
    func roundTrip(coding: ContentCoding, size: Int) throws {
        let body = Sample.mixed(size)
        for level in [CodingLevel.fast, .small] where level == .fast || size < 1_000_000 {
            let coded = try ContentEncoder.encode(body, codings: [coding], level: level)
            #expect(coding == .identity || !coded.isEmpty)
            #expect(try ContentDecoder.decode(coded, codings: [coding]) == body)
        }
    }

    @Test(
        "stacked codings are undone from the last",
        arguments: [
            [.gzip, .brotli], [.zstd, .gzip], [.deflate, .identity, .zstd], [.gzip, .gzip, .gzip], ContentCoding.allCases,
        ] as [[ContentCoding]])
    func stacked(codings: [ContentCoding]) throws {
        for body in [[], Sample.text, Sample.mixed(300_000)] {
            let coded = try ContentEncoder.encode(body, codings: codings)
            #expect(try ContentDecoder.decode(coded, codings: codings) == body)
            var step = coded
            for coding in codings.reversed() { step = try ContentDecoder.decode(step, codings: [coding]) }
            #expect(step == body)
        }
        let coded = try ContentEncoder.encode(Sample.text, codings: [.gzip, .brotli])
        #expect(throws: CodingFailure.self) { try ContentDecoder.decode(coded, codings: [.brotli, .gzip]) }
    }

    @Test("the bytes may come in any pieces, in both directions", arguments: ContentCoding.allCases, [1, 3, 1000])
    func pieces(coding: ContentCoding, piece: Int) throws {
        let body = Sample.mixed(20_000)
        var encoder = try ContentEncoder([coding])
        var coded: [UInt8] = []
        for chunk in Sample.pieces(body, of: piece) { coded += try encoder.encode(chunk) }
        coded += try encoder.finish()
        var decoder = try ContentDecoder([coding])
        var decoded: [UInt8] = []
        for chunk in Sample.pieces(coded, of: piece) { decoded += try decoder.decode(chunk) }
        decoded += try decoder.finish()
        #expect(decoded == body)
    }

    @Test("output that ends exactly with a buffer is neither lost nor followed by more", arguments: ContentCoding.allCases)
    func fullBuffers(coding: ContentCoding) throws {
        for size in [65_535, 65_536, 65_537, 131_072] {
            // Random bytes do not shrink, so the coded form crosses the buffer's size too.
            let body = Sample.random(size)
            let coded = try ContentEncoder.encode(body, codings: [coding])
            #expect(try ContentDecoder.decode(coded, codings: [coding]) == body)
            #expect(try ContentDecoder.decode(coded + ContentEncoder.encode([], codings: [coding]), codings: [coding]) == body)
        }
        for spare in 0..<40 {
            let body = Sample.random(65_536 - spare)
            let coded = try ContentEncoder.encode(body, codings: [coding])
            #expect(try ContentDecoder.decode(coded, codings: [coding]) == body)
        }
    }

    @Test(
        "what was flushed can be decoded at once, without what follows",
        arguments: [
            [.gzip], [.deflate], [.brotli], [.zstd], [.identity], [.gzip, .zstd], [.brotli, .gzip], [.zstd, .brotli, .deflate],
        ]
            as [[ContentCoding]])
    func flushes(codings: [ContentCoding]) throws {
        var encoder = try ContentEncoder(codings)
        var decoder = try ContentDecoder(codings)
        // Noise of many sizes crosses the buffers' ends while it is flushed.
        let pieces = [Sample.text, [1], Sample.random(65_000), Sample.random(200_000), Array("data: tick\n\n".utf8)]
        for piece in pieces + (65_400..<65_560).map({ Sample.random($0) }) {
            #expect(try decoder.decode(try encoder.encode(piece, flushing: true)) == piece)
        }
        #expect(try encoder.encode([], flushing: true).count <= 10 * codings.count)
        #expect(try decoder.decode(try encoder.finish()).isEmpty)
        #expect(try decoder.finish().isEmpty)
    }

    @Test(
        "coders give as little at a time as they are asked for, and take what follows before all was given",
        arguments: [[.gzip], [.deflate], [.brotli], [.zstd], [.identity], [.gzip, .brotli], [.brotli, .zstd, .gzip]]
            as [[ContentCoding]],
        [1, 7, 4096])
    func littleRoom(codings: [ContentCoding], room: Int) throws {
        let body = Sample.mixed(room == 1 ? 3000 : 30_000)
        let coded = try Sample.trickle(try ContentEncoder(codings), body, room: room)
        #expect(try ContentDecoder.decode(coded, codings: codings) == body)
        #expect(try Sample.trickle(try ContentDecoder(codings), coded, room: room) == body)
    }

    @Test("after the end a coder returns nothing more")
    func ended() throws {
        var encoder = try ContentEncoder([.gzip])
        let coded = try encoder.encode(Sample.text) + encoder.finish()
        #expect(try encoder.finish().isEmpty)
        var decoder = try ContentDecoder([.gzip])
        #expect(try decoder.decode(coded) + decoder.finish() == Sample.text)
        #expect(try decoder.finish().isEmpty)
    }
}

/// Bodies to encode.
enum Sample {
    static let text = Array(String(repeating: "The quick brown fox jumps over the lazy dog. ", count: 20).utf8)

    /// Half words, half noise, the same every time.
    static func mixed(_ size: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size + text.count + 64)
        var seed: UInt64 = 1
        while bytes.count < size {
            bytes += text
            for _ in 0..<64 { bytes.append(next(&seed)) }
        }
        return Array(bytes.prefix(size))
    }

    static func random(_ size: Int) -> [UInt8] {
        var seed = UInt64(size)
        return (0..<size).map { _ in next(&seed) }
    }

    /// What a coder makes of bytes that come in pieces of all sizes, each before all of the last one has been given.
    static func trickle<Coder: ContentCoder & ~Copyable>(
        _ coder: consuming Coder, _ bytes: [UInt8], room size: Int
    ) throws -> [UInt8] {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
        defer { room.deallocate() }
        var result: [UInt8] = []
        var waiting: [UInt8] = []
        var rest = bytes[...]
        var seed: UInt64 = 7
        while true {
            if !rest.isEmpty {
                let piece = rest.prefix(Int(next(&seed)) * 4)
                waiting += piece
                rest = rest.dropFirst(piece.count)
            }
            let goal: CodingGoal = rest.isEmpty ? .end : .flush
            let (written, left) = try waiting.withUnsafeBufferPointer { bytes in
                var input = UnsafeRawBufferPointer(bytes)
                return (try coder.step(&input, into: room, goal), input.count)
            }
            waiting.removeFirst(waiting.count - left)
            result += room[..<written]
            if goal == .end, written < size { return result }
        }
    }

    static func pieces(_ bytes: [UInt8], of size: Int) -> [[UInt8]] {
        stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
    }

    private static func next(_ seed: inout UInt64) -> UInt8 {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: seed >> 33)
    }
}
