import CJSON
import Testing

@testable import Schema

/// Our parser beside json-c: two readers of a hostile line must not see different values in it.
struct JSONOracleTests {
    private static let seeds = [
        #"{"jsonrpc":"2.0","id":12,"result":{"flow":{"response":{"headers":[["a","1"],["b","ü\u00e9"]],"content":"x"}}}}"#,
        #"[1,-2,0.5,-0,1e3,1E-2,9007199254740991,9007199254740993,1e400,true,false,null]"#,
        #"{"a":{"b":[[],{},[{}]]},"":"","\u0061":"\ud83d\ude00\n\"\\\/","é":[["x","y"]]}"#,
        "  [ \"\t\", 3 , { \"k\" : null } ]  ",
    ]
    private static let splices = [
        "\"", "\\", "\\u0000", "\\ud800", ",", ":", "[", "]", "{", "}", "0", "-", ".", "e", "1", " ", "\u{1}", "n", "\u{ff}",
    ]

    @Test("what our parser reads is what json-c reads, in thousands of texts that were changed at random", arguments: 0..<16)
    func sameValues(seed: UInt64) throws {
        var random = LinearCongruence(state: seed), read = 0, refused = 0
        for _ in 0..<1000 {
            var text = Array(Self.seeds.randomElement(using: &random)?.utf8 ?? "".utf8)
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let place = Int.random(in: 0..<text.count, using: &random)
                let end = min(text.count, place + Int.random(in: 0...2, using: &random))
                text.replaceSubrange(place..<end, with: Array(Self.splices.randomElement(using: &random)?.utf8 ?? "".utf8))
            }
            for keepsText in [false, true] {
                guard let ours = try? JSONReader(keepsText: keepsText).read(text) else {
                    refused += 1
                    continue
                }
                read += 1
                let theirs = try #require(Oracle.read(text), "json-c refuses \(String(decoding: text, as: UTF8.self))")
                #expect(ours == theirs, "\(String(decoding: text, as: UTF8.self))")
            }
        }
        #expect(read > 200 && refused > 200)
    }
}

private enum Oracle {
    static func read(_ text: [UInt8]) -> JSON? {
        let tokener = json_tokener_new_ex(100)
        defer { json_tokener_free(tokener) }
        json_tokener_set_flags(tokener, Int32(JSON_TOKENER_STRICT))
        // A bare number at the end may still go on: the space ends it.
        let root = (text + [0x20]).withUnsafeBytes {
            json_tokener_parse_ex(tokener, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count))
        }
        defer { json_object_put(root) }
        return json_tokener_get_error(tokener) == json_tokener_success ? convert(root) : nil
    }

    private static func convert(_ node: OpaquePointer?) -> JSON {
        switch json_object_get_type(node) {
        case json_type_boolean: return .bool(json_object_get_boolean(node) != 0)
        case json_type_int: return .int(Int(json_object_get_int64(node)))
        case json_type_double: return .double(json_object_get_double(node))
        case json_type_string:
            let bytes = UnsafeRawBufferPointer(start: json_object_get_string(node), count: Int(json_object_get_string_len(node)))
            return .string(String(decoding: bytes, as: UTF8.self))
        case json_type_array:
            return .array((0..<json_object_array_length(node)).map { convert(json_object_array_get_idx(node, $0)) })
        case json_type_object:
            var members: [JSONObject.Member] = []
            var iterator = json_object_iter_begin(node), end = json_object_iter_end(node)
            while json_object_iter_equal(&iterator, &end) == 0 {
                guard let name = json_object_iter_peek_name(&iterator) else { break }
                members.append(.init(key: String(cString: name), value: convert(json_object_iter_peek_value(&iterator))))
                json_object_iter_next(&iterator)
            }
            return .object(JSONObject(unique: members))
        default: return .null
        }
    }
}
