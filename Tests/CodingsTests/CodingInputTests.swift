import Foundation
import Testing

@testable import Codings

@Suite struct CodingInputTests {
    @Test(
        "data of other programs decodes",
        arguments: [
            // gzip -9; Python's gzip, two members; zlib data called gzip; gzip with extra field, name, comment and header checksum.
            (.gzip, "H4sIAAAAAAACAwvJSFUoLM1MzlZIKsovz1NIy69QyCrNLShWyC9LLVIoAUrnJFZVKqTkp+sphIwqHlU8qpjaigHmSmawhAMAAA=="),
            (
                .gzip,
                "H4sIAAAAAAACAwvJSFUoLM1MzlZIKsovz1NIy69QyCrNLShWyC9LLVIoAUrnJFZVKqTkp+sphIwqHnyKAYsYCejCAQAAH4sIAAAAAAACAwvJSFUo"
                    + "LM1MzlZIKsovz1NIy69QyCrNLShWyC9LLVIoAUrnJFZVKqTkp+sphIwqHnyKAYsYCejCAQAA"
            ),
            (.gzip, "eJwLyUhVKCzNTM5WSCrKL89TSMuvUMgqzS0oVsgvSy1SKAFK5yRWVSqk5KfrKYSMKh5VPKqY2ooBR6VDHA=="),
            (
                .gzip,
                "H4sIHgAAAAAAAwMAYWJjbmFtZQBjb21tZW50AHlxC8lIVSgszUzOVkgqyi/PU0jLr1DIKs0tKFbIL0stUigBSuckVlUqpOSn6ymEjCoeVTyqmNqK"
                    + "AeZKZrCEAwAA"
            ),
            // Python's zlib with and without the wrapping.
            (.deflate, "eJwLyUhVKCzNTM5WSCrKL89TSMuvUMgqzS0oVsgvSy1SKAFK5yRWVSqk5KfrKYSMKh5VPKqY2ooBR6VDHA=="),
            (.deflate, "C8lIVSgszUzOVkgqyi/PU0jLr1DIKs0tKFbIL0stUigBSuckVlUqpOSn6ymEjCoeVTyqmNqKAQ=="),
            // zstd with and without checksum; brotli.
            (.zstd, "KLUv/QRYtQEA1AJUaGUgcXVpY2sgYnJvd24gZm94IGp1bXBzIG92ZXIgdGhlIGxhenkgZG9nLiABAKUKK1UGWRP6hQ=="),
            (.zstd, "KLUv/QBYtQEA1AJUaGUgcXVpY2sgYnJvd24gZm94IGp1bXBzIG92ZXIgdGhlIGxhenkgZG9nLiABAKUKK1UG"),
            (.brotli, "H4MDiCwOeNPQlV2XELsXK6nK0JLMjK1BXObyNsgZnp4Ke4MNOHBIIG8kvkGnFc4cHieqKTjCibhPgwE="),
        ] as [(ContentCoding, String)])
    func foreign(coding: ContentCoding, base64: String) throws {
        let coded = try #require(Data(base64Encoded: base64).map { Array($0) })
        #expect(try ContentDecoder.decode(coded, codings: [coding]) == Sample.text)

        // Split at every byte, and cut at every byte.
        for cut in 1..<coded.count {
            var whole = try ContentDecoder([coding])
            let decoded = try whole.decode(Array(coded[..<cut])) + whole.decode(Array(coded[cut...])) + whole.finish()
            #expect(decoded == Sample.text)
        }
        // Two members or frames are whole without the second, wherever the first ends.
        let members = coded.indices.dropFirst().filter { coding == .gzip && coded[$0...].starts(with: [0x1F, 0x8B]) }
        for cut in 1..<coded.count where !members.contains(cut) && !members.contains(cut - 1) {
            #expect(throws: CodingFailure.truncated(coding), "cut at \(cut)") {
                try ContentDecoder.decode(Array(coded[..<cut]), codings: [coding])
            }
        }
    }

    @Test("frames of zstd may follow each other, skippable ones among them")
    func frames() throws {
        let frame = try ContentEncoder.encode(Sample.text, codings: [.zstd])
        let skippable: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3]
        #expect(try ContentDecoder.decode(frame + skippable + frame, codings: [.zstd]) == Sample.text + Sample.text)
    }

    @Test("a zstd window beyond 8 MiB is refused")
    func window() throws {
        // Frame header: magic, no flags, window descriptor of 2^27 bytes; then one empty last block.
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, (27 - 10) << 3, 1, 0, 0]
        let failure = #expect(throws: CodingFailure.self) { try ContentDecoder.decode(frame, codings: [.zstd]) }
        guard case .corrupt(.zstd, _)? = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(try ContentDecoder.decode([0x28, 0xB5, 0x2F, 0xFD, 0x00, (23 - 10) << 3, 1, 0, 0], codings: [.zstd]).isEmpty)
    }

    @Test("no bytes at all decode to none", arguments: ContentCoding.allCases)
    func empty(coding: ContentCoding) throws {
        #expect(try ContentDecoder.decode([], codings: [coding]).isEmpty)
    }

    @Test("damaged data is corrupt, not truncated", arguments: [ContentCoding.gzip, .deflate, .zstd, .brotli])
    func corrupt(coding: ContentCoding) throws {
        let noise: [UInt8] = Array("this is plain text, no coded data at all".utf8)
        let failure = #expect(throws: CodingFailure.self) { try ContentDecoder.decode(noise, codings: [coding]) }
        guard case .corrupt(coding, let reason)? = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(!reason.isEmpty)
    }

    @Test("a wrong checksum is corrupt", arguments: [(ContentCoding.gzip, 8), (.deflate, 1)])
    func checksum(coding: ContentCoding, fromEnd: Int) throws {
        var coded = try ContentEncoder.encode(Sample.text, codings: [coding])
        coded[coded.count - fromEnd] ^= 1
        let failure = #expect(throws: CodingFailure.self) { try ContentDecoder.decode(coded, codings: [coding]) }
        guard case .corrupt? = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
    }

    @Test("bytes after the coded data are dropped", arguments: [ContentCoding.gzip, .deflate, .brotli])
    func trailing(coding: ContentCoding) throws {
        let coded = try ContentEncoder.encode(Sample.text, codings: [coding])
        for tail: [UInt8] in [[0], [0, 0, 0], [0x1F], [0x1F, 0], Array("garbage".utf8)] {
            #expect(try ContentDecoder.decode(coded + tail, codings: [coding]) == Sample.text)
            var decoder = try ContentDecoder([coding])
            var decoded = try decoder.decode(coded)
            for byte in tail { decoded += try decoder.decode([byte]) }
            decoded += try decoder.finish()
            #expect(decoded == Sample.text)
        }
    }

    @Test("a failure stays")
    func poisoned() throws {
        var decoder = try ContentDecoder([.gzip])
        var failures: [CodingFailure] = []
        for chunk in [Array("nonsense".utf8), try ContentEncoder.encode(Sample.text, codings: [.gzip])] {
            do { _ = try decoder.decode(chunk) } catch { failures.append(error) }
        }
        do { _ = try decoder.finish() } catch { failures.append(error) }
        #expect(failures.count == 3)
        #expect(Set(failures.map(\.description)).count == 1)
    }

    @Test("random damage never does worse than fail", arguments: [ContentCoding.gzip, .deflate, .zstd, .brotli])
    func fuzz(coding: ContentCoding) throws {
        let coded = try ContentEncoder.encode(Sample.mixed(4000), codings: [coding])
        for index in coded.indices.filter({ $0 % 7 == 0 }) {
            for mask: UInt8 in [1, 0x80, 0xFF] {
                var damaged = coded
                damaged[index] ^= mask
                let decoded = try? ContentDecoder.decode(damaged, codings: [coding], limits: CodingLimits(maximumSize: 100_000))
                #expect(decoded?.count ?? 0 <= 100_000)
            }
        }
    }
}
