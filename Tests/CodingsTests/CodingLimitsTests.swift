import Foundation
import Testing

@testable import Codings

@Suite(.serialized) struct CodingLimitsTests {
    @Test("a body of exactly the limit passes, one byte more is too large", arguments: ContentCoding.allCases)
    func exact(coding: ContentCoding) throws {
        let coded = try ContentEncoder.encode(Sample.mixed(100_000), codings: [coding])
        #expect(try ContentDecoder.decode(coded, codings: [coding], limits: CodingLimits(maximumSize: 100_000)).count == 100_000)
        #expect(throws: CodingFailure.tooLarge(limit: 99_999)) {
            try ContentDecoder.decode(coded, codings: [coding], limits: CodingLimits(maximumSize: 99_999))
        }
    }

    @Test("the ratio counts from a mebibyte of output on, over the input that was needed so far")
    func ratio() throws {
        let zeros = { (count: Int) in try ContentEncoder.encode([UInt8](repeating: 0, count: count), codings: [.zstd]) }
        let free = CodingLimits.ratioFreeSize
        let strict = CodingLimits(maximumRatio: 2)
        #expect(try ContentDecoder.decode(zeros(free), codings: [.zstd], limits: strict).count == free)
        #expect(throws: CodingFailure.bomb(ratio: 2)) {
            try ContentDecoder.decode(zeros(free + 1), codings: [.zstd], limits: strict)
        }

        // Noise first pays for zeros later.
        let noise = Sample.random(2_000_000)
        let noisy = try ContentEncoder.encode(noise, codings: [.zstd])
        let mixed = try noisy + zeros(1_500_000)
        #expect(try ContentDecoder.decode(mixed, codings: [.zstd], limits: strict).count == 3_500_000)
    }

    @Test(
        "a gibibyte of zeros stops at the limits, with memory to match",
        arguments: [
            ([.gzip], .small, .bomb(ratio: 1000)), ([.gzip], .fast, .tooLarge(limit: 16 << 20)),
            ([.deflate], .small, .bomb(ratio: 1000)), ([.zstd], .fast, .bomb(ratio: 1000)),
            ([.brotli], .fast, .bomb(ratio: 1000)), ([.zstd, .gzip], .fast, .bomb(ratio: 1000)),
            ([.zstd, .zstd], .fast, .bomb(ratio: 1000)), ([.gzip, .gzip], .small, .bomb(ratio: 1000)),
        ] as [([ContentCoding], CodingLevel, CodingFailure)])
    func bombs(codings: [ContentCoding], level: CodingLevel, failure: CodingFailure) throws {
        let mebibyte = [UInt8](repeating: 0, count: 1 << 20)
        var encoder = try ContentEncoder(codings, level: level)
        var coded: [UInt8] = []
        for _ in 0..<1024 { coded += try encoder.encode(mebibyte) }
        coded += try encoder.finish()
        #expect(coded.count < 8 << 20)

        let limits = CodingLimits(maximumSize: 16 << 20)
        let before = try Self.peakMemory()
        #expect(throws: failure) { try ContentDecoder.decode(coded, codings: codings, limits: limits) }

        var decoder = try ContentDecoder(codings, limits: limits)
        var total = 0
        var found: CodingFailure?
        for chunk in Sample.pieces(coded, of: 500) where found == nil {
            do { total += try decoder.decode(chunk).count } catch { found = error }
        }
        #expect(found == failure)
        #expect(total <= limits.maximumSize)
        #expect(try Self.peakMemory() - before < 160 << 20)
    }

    @Test(
        "a body that unpacks far beyond the ratio is left after little more than the ratio's worth",
        arguments: [[.gzip], [.brotli], [.zstd], [.gzip, .gzip]] as [[ContentCoding]])
    func early(codings: [ContentCoding]) throws {
        let zeros = [UInt8](repeating: 0, count: 64 << 20)
        // Noise behind the zeros makes the whole of it small, as ratios go: only what was needed so far counts.
        let body = zeros + Sample.random(1 << 20)
        let coded = try ContentEncoder.encode(body, codings: codings, level: .small)
        var decoder = try ContentDecoder(codings, limits: CodingLimits(maximumSize: .max, maximumRatio: 100))
        var total = 0
        let failure = #expect(throws: CodingFailure.self) {
            try coded.withUnsafeBufferPointer { bytes in
                var input = UnsafeRawBufferPointer(bytes)
                let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
                defer { room.deallocate() }
                while case let written = try decoder.step(&input, into: room, .end), written == room.count { total += written }
            }
        }
        #expect(failure == .bomb(ratio: 100))
        #expect(total < 16 << 20)
    }

    @Test("a layer that unpacks far is refused even when the body does not")
    func innerLayer() throws {
        // A gigantic run of empty gzip members unpacks to nothing, but is itself large.
        let member = try ContentEncoder.encode([], codings: [.gzip])
        let members = Array(repeating: member, count: 100_000).flatMap { $0 }
        let coded = try ContentEncoder.encode(members, codings: [.zstd])
        #expect(throws: CodingFailure.bomb(ratio: 1000)) { try ContentDecoder.decode(coded, codings: [.gzip, .zstd]) }
    }

    /// The most memory the process ever held, in bytes.
    private static func peakMemory() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(line.split(separator: " ").compactMap { Int($0) }.first) * 1024
    }
}
