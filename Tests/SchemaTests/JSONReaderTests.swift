import Foundation
import Testing

@testable import Schema

/// The rows of `Protocol/vectors/lines.json`.
struct LineVector: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let line: String?
    let base64: String?
    let verdict: String
    let why: String?
    let kind: String?
    var testDescription: String { name }

    enum CodingKeys: String, CodingKey {
        case name, line, verdict, why, kind
        case base64 = "line_b64"
    }

    var bytes: [UInt8] {
        if let line { return Array(line.utf8) }
        return base64.flatMap { Data(base64Encoded: $0) }.map(Array.init) ?? []
    }

    static let all: [LineVector] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Protocol/vectors/lines.json")
        return (try? JSONDecoder().decode([LineVector].self, from: Data(contentsOf: file))) ?? []
    }()
}

struct JSONReaderTests {
    @Test("the published vectors are there")
    func vectorsExist() { #expect(LineVector.all.count > 50) }

    @Test(
        "a line is read or refused as the published vectors say",
        arguments: LineVector.all.filter { $0.kind != "invalid_request" })
    func vector(_ vector: LineVector) {
        let reader = JSONReader()
        let isRead = (try? reader.read(vector.bytes)) != nil
        #expect(isRead == (vector.verdict == "accept"), "\(vector.why ?? "")")
    }

    @Test("a line has at most so many values, be they elements, members, or arrays and objects within each other")
    func values() throws {
        let reader = JSONReader(maximumValues: 4)
        for line in ["[0,0,0,0]", #"{"a":0,"b":0,"c":{}}"#, "[[[[]]]]", #"{"a":",,,,,,[[[[["}"#] {
            #expect((try? reader.read(Array(line.utf8))) != nil, "\(line)")
        }
        for line in ["[0,0,0,0,0]", #"{"a":0,"b":0,"c":{"d":[]}}"#, "[[[[[]]]]]", "[[0],[0],[0]]"] {
            #expect(throws: JSONFailure.self) { try reader.read(Array(line.utf8)) }
        }
    }

    @Test("objects of many members are merged and compared in the time that it takes to read them")
    func largeObjects() throws {
        let members = (0..<30_000).map { #""k\#($0)":\#($0)"# }
        let many = try JSONReader().read(Array("{\(members.joined(separator: ","))}".utf8))
        let others = try JSONReader().read(Array("{\(members.reversed().joined(separator: ","))}".utf8))
        let began = ContinuousClock.now
        #expect(many == others)
        #expect(JSON.null.merging(many) == many)
        #expect(many.merging(others) == many)
        #expect(ContinuousClock.now - began < .seconds(10), "quadratic work takes minutes")
    }

    @Test("what the writer writes reads back as the same value")
    func roundTrip() throws {
        let value: JSON = [
            "text": "a\u{85}b\u{2028}\u{2029}\"\\\u{1}\u{7F}ü€😀", "number": .double(1732165069.123456), "int": .int(-(1 << 53)),
            "list": [true, false, .null, [], [:]], "": "",
        ]
        let line = value.encoded
        #expect(try JSONReader().read(line) == value)
        #expect(
            !line.contains(0x0A)
                && String(decoding: line, as: UTF8.self).unicodeScalars.allSatisfy { ![0x85, 0x2028, 0x2029].contains($0.value) })
    }

    @Test(
        "a string is written and read alike wherever an octet stands that needs an escape",
        arguments: [0x22, 0x5C, 0x1F, 0x7F, 0x00])
    func escapes(_ odd: UInt8) throws {
        for length in 1..<140 {
            for place in 0..<length {
                var octets = [UInt8](repeating: UInt8(ascii: "a"), count: length)
                octets[place] = odd
                let text = String(decoding: octets, as: UTF8.self)
                let line = JSON.string(text).encoded
                #expect(line.count == length + (odd == 0x22 || odd == 0x5C ? 3 : 7))
                #expect(try JSONReader().read(line) == .string(text))
            }
        }
    }

    @Test("an object is the same in the text that it was read from as it is in a tree")
    func objects() throws {
        let text = #"{"a":1,"\u0062":[["x","\n"]],"c":{"d":null,"é":[true,{"":2.5}]},"e":{}}"#
        let kept = try JSONReader(keepsText: true).read(Array(text.utf8)), tree = try JSONReader().read(Array(text.utf8))
        #expect(kept == tree && tree == kept && kept.detached == tree && kept.hashValue == tree.hashValue)
        #expect(kept.encoded == tree.encoded && kept.object?.members == tree.object?.members && kept.object?.count == 4)
        for json in [kept, tree] {
            #expect(json["b"] == [["x", "\n"]] && json.member("b") == json["b"] && json["c"]?["é"]?.array?.count == 2)
            #expect(json["d"] == nil && json.member("d") == nil && json.member("c")?.member("d") == .null && json["e"] == [:])
            var names: [String] = []
            json.object?.forEachMember { name, _ in names.append(String(decoding: name, as: UTF8.self)) }
            #expect(names == ["a", "b", "c", "e"])
            var object = try #require(json.object)
            object["a"] = nil
            object["c"] = 3
            object["f"] = "g"
            #expect(object == ["b": [["x", "\n"]], "c": 3, "e": [:], "f": "g"] && json["a"] == 1)
        }
    }

    @Test("names are told apart by their bytes, however they are written", arguments: [1, 7, 8, 9, 40])
    func names(_ count: Int) throws {
        let members = (0..<count).map { #""n\#($0)":0"# }.joined(separator: ",")
        for keepsText in [true, false] {
            let reader = JSONReader(keepsText: keepsText)
            #expect(throws: Never.self) { _ = try reader.read(Array("{\(members)}".utf8)) }
            #expect(throws: Never.self) { _ = try reader.read(Array(#"{\#(members),"\u006e":1,"é":1,"e\u0301":1}"#.utf8)) }
            #expect(throws: JSONFailure.self) { _ = try reader.read(Array(#"{\#(members),"\u006e0":1}"#.utf8)) }
        }
    }

    @Test("an array of pairs of texts is the same in one block as it is in a tree")
    func pairs() throws {
        let text = #"[["Host","a"],["X-Quoted","\"6b\"\u00e9\ud83d\ude00"],["",""]]"#
        let block = try JSONReader(keepsText: true).read(Array(text.utf8)), tree = try JSONReader().read(Array(text.utf8))
        guard case .pairs(let pairs) = block, case .array = tree else {
            Issue.record("found \(block) and \(tree)")
            return
        }
        #expect(pairs.count == 3)
        #expect(block == tree && tree == block && block.array == tree.array && block.encoded == tree.encoded)
        #expect(block.hashValue == tree.hashValue)
        #expect(block != .array([]) && block != tree.array?.first)
    }

    @Test(
        "an array of anything else is read as it always is",
        arguments: [
            "[]", "[[]]", #"[["a"]]"#, #"[["a","b","c"]]"#, #"[["a","b"],1]"#, #"[["a","b"],["c",{}]]"#, #"[[1,"a"]]"#,
            #"[["a","b"],[]]"#,
            #"["a","b"]"#,
        ])
    func noPairs(_ text: String) throws {
        let read = try JSONReader(keepsText: true).read(Array(text.utf8))
        #expect(try read == JSONReader().read(Array(text.utf8)))
        #expect(String(decoding: read.encoded, as: UTF8.self) == text)
        guard case .array = read else {
            Issue.record("found \(read)")
            return
        }
    }

    @Test(
        "an array of pairs is refused for the same reasons in one block",
        arguments: LineVector.all.filter { $0.kind != "invalid_request" && $0.verdict != "accept" })
    func pairsOfBadLines(_ vector: LineVector) {
        let bytes = Array(#"[["a","b"],"#.utf8) + vector.bytes + Array("]".utf8)
        let isTree = (try? JSONReader().read(bytes)) != nil
        #expect(((try? JSONReader(keepsText: true).read(bytes)) != nil) == isTree, "\(vector.why ?? "")")
    }

    @Test("pairs count as values, as in a tree")
    func valuesOfPairs() throws {
        let text = Array(#"[["a","b"],["c","d"]]"#.utf8)
        for keepsText in [true, false] {
            #expect((try? JSONReader(maximumValues: 6, keepsText: keepsText).read(text)) != nil)
            #expect((try? JSONReader(maximumValues: 5, keepsText: keepsText).read(text)) == nil)
            #expect((try? JSONReader(maximumDepth: 1, keepsText: keepsText).read(text)) == nil)
        }
    }

    @Test("bytes that are not UTF-8 are written as base 64 and read back unchanged", arguments: 0..<40)
    func octets(_ length: Int) throws {
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: 0xFF &- $0 &* 7) }
        var writer = JSONWriter()
        writer.byteString(bytes)
        let json = try JSONReader().read(writer.bytes)
        let text = json["b64"]?.string
        #expect(text.flatMap(Base64.decode) ?? json.string.map { Array($0.utf8) } == bytes)
    }

    @Test(
        "a merge patch is applied as RFC 7396's own examples say",
        arguments: [
            (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
            (#"{"a":"b"}"#, #"{"a":null}"#, "{}"), (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
            (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
            (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
            (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
            (#"{"a":"foo"}"#, "null", "null"), (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
            ("[1,2]", #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
            ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
        ])
    func mergePatch(_ target: String, _ patch: String, _ result: String) throws {
        let reader = JSONReader()
        let merged = try reader.read(Array(target.utf8)).merging(reader.read(Array(patch.utf8)))
        #expect(try merged == reader.read(Array(result.utf8)))
    }
}
