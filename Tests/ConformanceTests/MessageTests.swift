import Schema
import Testing

@testable import Conformance

@Suite struct MessageTests {
    private func line(_ message: Message, id: Int?) -> [UInt8] {
        var bytes: [UInt8] = []
        message.append(id: id, to: &bytes)
        return bytes
    }

    @Test("a padded line has exactly the length and is JSON", arguments: [100, 1000, 60_000])
    func padded(_ length: Int) throws {
        for params in [[:], ["a": 1]] as [JSONObject] {
            let bytes = line(Message("ping", params).padded(id: 77, to: length), id: 77)
            #expect(bytes.count == length + 1)
            #expect(try JSONReader().read(Array(bytes.dropLast()))["id"] == 77)
        }
    }

    @Test("separators stand as they are, and backslashes before them as they were")
    func separators() throws {
        let text = "a\u{2028}b\u{85}\\u2028"
        let escaped = Message("x", ["a": .string(text)])
        let raw = line(escaped.withRawSeparators, id: nil)
        #expect(raw.count < line(escaped, id: nil).count)
        #expect(raw.firstRange(of: Array("\u{2028}".utf8)) != nil)
        #expect(try JSONReader().read(Array(raw.dropLast()))["params"]?["a"]?.string == text)
    }

    @Test("unknown members stand in every object but those that are not the protocol's")
    func unknown() throws {
        let message = Message("x", ["flow": ["request": ["a": 1], "metadata": ["k": [:]]]]).withUnknownMembers
        let json = try JSONReader().read(Array(line(message, id: 1).dropLast()))
        #expect(json["params"]?["x_unknown"] != nil)
        #expect(json["params"]?["flow"]?["request"]?["x_unknown"] != nil)
        #expect(json["params"]?["flow"]?["metadata"] == ["k": [:]])
    }
}
