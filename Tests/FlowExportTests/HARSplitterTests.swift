import FlowModel
import Schema
import Testing

@testable import FlowExport

@Suite struct HARSplitterTests {
    private static let archive = #"""
        {"entries": [{"no": 1}], "log": {"x\"entries": [{}], "pages": [{"entries": [{}]}], "entries": [ {"a": "}]\\\""},
        {"b": [{}, [1, "{"]]}, {}] , "comment": {"entries": [{}]}}, "z": "log"}
        """#

    @Test("the entries of log.entries are cut out, wherever the pieces end")
    func everySplit() throws {
        let bytes = Array(Self.archive.utf8)
        let whole = try Self.entries([bytes])
        #expect(whole.map { String(decoding: $0.json, as: UTF8.self) } == [#"{"a": "}]\\\""}"#, #"{"b": [{}, [1, "{"]]}"#, "{}"])
        #expect(whole.map(\.index) == [0, 1, 2])
        #expect(whole.allSatisfy { Array(bytes[$0.offset..<$0.offset + $0.json.count]) == $0.json })
        for place in bytes.indices {
            #expect(try Self.entries([Array(bytes[..<place]), Array(bytes[place...])]) == whole)
        }
        #expect(try Self.entries(bytes.map { [$0] }) == whole)
    }

    @Test("an archive cut off anywhere gives the entries that were whole, and fails at its end")
    func everyEnd() throws {
        let bytes = Array(Self.archive.utf8)
        let whole = try Self.entries([bytes])
        let end = try #require(bytes.lastIndex(of: UInt8(ascii: "}")))
        for place in bytes.indices where place <= end {
            var splitter = HARSplitter()
            let found = try splitter.feed(Array(bytes[..<place]))
            #expect(found == whole.filter { $0.offset + $0.json.count <= place })
            #expect(throws: HARFailure.self) { try splitter.finish() }
        }
    }

    @Test("a byte order mark is passed over, once and at the start only")
    func mark() throws {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        #expect(try Self.entries([mark + Array(Self.archive.utf8)]).count == 3)
        #expect(throws: HARFailure("expected an object", offset: 3)) {
            try Self.entries([mark + mark + Array(Self.archive.utf8)])
        }
    }

    @Test("an entry that is too long is refused with its place")
    func tooLong() {
        var splitter = HARSplitter(longestEntry: 10)
        #expect(throws: HARFailure("it has more than 10 bytes", entry: 1, offset: 27)) {
            _ = try splitter.feed(Array(#"{"log":{"entries":[{"a":1},"#.utf8).dropLast() + Array(#",{"a": "0123456789"#.utf8))
        }
    }

    @Test("no bytes crash it")
    func fuzz() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array(#"{}[]",:\ logentris0\#n"#.utf8)
        for _ in 0..<2000 {
            var bytes = Array(Self.archive.utf8)
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                guard let place = bytes.indices.randomElement(using: &random), let byte = alphabet.randomElement(using: &random)
                else {
                    continue
                }
                if Bool.random(using: &random) { bytes[place] = byte } else { bytes.remove(at: place) }
            }
            var splitter = HARSplitter()
            guard let entries = try? splitter.feed(bytes) else { continue }
            for entry in entries { _ = try? HARDecoder().flow(entry) }
            try? splitter.finish()
        }
    }

    private static func entries(_ pieces: [[UInt8]]) throws -> [HARSplitter.Entry] {
        var splitter = HARSplitter()
        var found: [HARSplitter.Entry] = []
        for piece in pieces { found += try splitter.feed(piece) }
        try splitter.finish()
        return found
    }
}
