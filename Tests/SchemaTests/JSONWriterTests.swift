import Foundation
import Testing

@testable import Schema

/// What the writer quotes, read back by a parser that is not ours.
struct JSONWriterTests {
    private func written(_ build: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        build(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private func readBack(_ json: String) throws -> String? {
        try JSONSerialization.jsonObject(with: Data(json.utf8), options: .fragmentsAllowed) as? String
    }

    /// The scan takes eight bytes at once: each special character stands at each place of a word, and behind one.
    @Test(
        "a character that needs care is seen wherever it stands",
        arguments: [
            "\"", "\\", "\n", "\u{0}", "\u{1f}", "\u{7f}", "é", "\u{85}", "\u{2028}", "\u{2029}", "\u{2030}", "€", "😀", "Â",
        ])
    func specialCharacterAtEachPlace(_ character: String) throws {
        for before in 0..<18 {
            for after in [0, 1, 7, 8, 9] {
                let text = String(repeating: "a", count: before) + character + String(repeating: "z", count: after)
                let json = written { $0.string(text) }
                #expect(try readBack(json) == text, "\(before) before, \(after) behind")
                #expect(json.unicodeScalars.allSatisfy { $0.value >= 0x20 && ![0x7F, 0x85, 0x2028, 0x2029].contains($0.value) })
            }
        }
    }

    @Test("text in which much needs care comes back as it was", arguments: 0..<200)
    func randomText(_ seed: Int) throws {
        var random = LinearCongruence(state: UInt64(seed))
        let alphabet = Array("abcdefgh\"\\\u{8}\n\u{85}\u{2028}é€😀").map(String.init)
        let text = (0..<Int.random(in: 0..<60, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "" }.joined()
        #expect(try readBack(written { $0.string(text) }) == text)
    }

    @Test("octets that are not UTF-8 become base 64, at whatever place", arguments: 0..<20)
    func invalidUTF8(_ place: Int) throws {
        var octets = [UInt8](repeating: 0x61, count: 20)
        octets[place] = 0xFF
        let json = written { $0.byteString(octets) }
        let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: String]
        #expect(object?["b64"].flatMap { Data(base64Encoded: $0) }.map { Array($0) } == octets)
    }

    @Test(
        "numbers are written so that they read back the same",
        arguments: [0, 1, -1, 9, 10, 12_345, -12_345, 1 << 53, -(1 << 53), Int.max, Int.min])
    func integers(_ value: Int) { #expect(written { $0.int(value) } == String(value)) }

    @Test("commas and brackets are the writer's")
    func structure() {
        let json = written {
            $0.beginObject()
            $0.key("a")
            $0.beginArray()
            $0.int(1)
            $0.null()
            $0.endArray()
            $0.key("b")
            $0.beginObject()
            $0.endObject()
            $0.key("c")
            $0.double(.infinity)
            $0.endObject()
        }
        #expect(json == #"{"a":[1,null],"b":{},"c":null}"#)
    }
}

/// Random numbers that are the same in each run.
struct LinearCongruence: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state
    }
}
