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

    @Test("the ratio counts from 64 KiB of output on, over all input so far")
    func ratio() throws {
        let zeros = { (count: Int) in try ContentEncoder.encode([UInt8](repeating: 0, count: count), codings: [.zstd]) }
        let free = CodingLimits.ratioFreeSize
        let strict = CodingLimits(maximumRatio: 2)
        #expect(try ContentDecoder.decode(zeros(free), codings: [.zstd], limits: strict).count == free)
        #expect(throws: CodingFailure.bomb(ratio: 2)) {
            try ContentDecoder.decode(zeros(free + 1), codings: [.zstd], limits: strict)
        }

        // Noise first pays for zeros later.
        let noise = Sample.random(200_000)
        let noisy = try ContentEncoder.encode(noise, codings: [.zstd])
        let mixed = try noisy + zeros(100_000)
        #expect(try ContentDecoder.decode(mixed, codings: [.zstd], limits: strict).count == 300_000)
    }

    @Test(
        "a gibibyte of zeros stops at the limits, with memory to match",
        arguments: [
            // Where the whole body counts as received, the size may be reached before the ratio.
            ([.gzip], .small, whole: .tooLarge(limit: 16 << 20), pieces: .bomb(ratio: 1000)),
            ([.gzip], .fast, whole: .tooLarge(limit: 16 << 20), pieces: .tooLarge(limit: 16 << 20)),
            ([.deflate], .small, whole: .tooLarge(limit: 16 << 20), pieces: .bomb(ratio: 1000)),
            ([.zstd], .fast, whole: .tooLarge(limit: 16 << 20), pieces: .bomb(ratio: 1000)),
            ([.brotli], .fast, whole: .tooLarge(limit: 16 << 20), pieces: .bomb(ratio: 1000)),
            ([.zstd, .gzip], .fast, whole: .bomb(ratio: 1000), pieces: .bomb(ratio: 1000)),
            ([.zstd, .zstd], .fast, whole: .bomb(ratio: 1000), pieces: .bomb(ratio: 1000)),
        ] as [([ContentCoding], CodingLevel, whole: CodingFailure, pieces: CodingFailure)])
    func bombs(codings: [ContentCoding], level: CodingLevel, whole: CodingFailure, pieces: CodingFailure) throws {
        let mebibyte = [UInt8](repeating: 0, count: 1 << 20)
        var encoder = try ContentEncoder(codings, level: level)
        var coded: [UInt8] = []
        for _ in 0..<1024 { coded += try encoder.encode(mebibyte) }
        coded += try encoder.finish()
        #expect(coded.count < 8 << 20)

        let limits = CodingLimits(maximumSize: 16 << 20)
        let before = try Self.peakMemory()
        #expect(throws: whole) { try ContentDecoder.decode(coded, codings: codings, limits: limits) }

        var decoder = try ContentDecoder(codings, limits: limits)
        var total = 0
        var found: CodingFailure?
        for chunk in Sample.pieces(coded, of: 500) where found == nil {
            do { total += try decoder.decode(chunk).count } catch { found = error }
        }
        #expect(found == pieces)
        #expect(total <= limits.maximumSize)
        #expect(try Self.peakMemory() - before < 160 << 20)
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
