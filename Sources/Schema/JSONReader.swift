import CJSON

/// Why a line is not the JSON that was expected: a sentence for people.
public struct JSONFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// The one strict parser for everything that a worker sends: json-c behind a scan that closes its leniencies.
///
/// Not thread-safe: one reader a link. Refused are invalid UTF-8, duplicate names, lone surrogates, control characters,
/// integers beyond ±2^53, numbers that overflow, nesting beyond `maximumDepth`, more values than `maximumValues`, and anything but
/// one value.
public final class JSONReader {
    /// Arrays and objects within each other, at most.
    public let maximumDepth: Int
    /// Arrays, objects and commas in one line, at most: what a tree of many small values costs is a hundred times their bytes.
    public let maximumValues: Int
    private let tokener: UnsafeMutablePointer<json_tokener>?

    public init(maximumDepth: Int = 64, maximumValues: Int = .max) {
        self.maximumDepth = maximumDepth
        self.maximumValues = maximumValues
        // The scan counts levels; json-c's own bound, which counts a scalar as a level, must only not be lower.
        tokener = json_tokener_new_ex(Int32(maximumDepth + 1))
        json_tokener_set_flags(tokener, Int32(JSON_TOKENER_STRICT))
    }

    deinit { json_tokener_free(tokener) }

    public func read(_ line: [UInt8]) throws(JSONFailure) -> JSON {
        try line.withUnsafeBytes { bytes in Result { () throws(JSONFailure) in try read(bytes) } }.get()
    }

    public func read(_ line: UnsafeRawBufferPointer) throws(JSONFailure) -> JSON {
        var scan = JSONScan(line, maximumDepth: maximumDepth, maximumValues: maximumValues)
        try scan.run()
        guard line.count <= Int32.max - 1 else { throw JSONFailure("the line is longer than 2 GiB") }
        json_tokener_reset(tokener)
        let root = json_tokener_parse_ex(tokener, line.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(line.count))
        var status = json_tokener_get_error(tokener)
        var tree = root
        // A bare number at the end of the input may still go on: one space ends it.
        if status == json_tokener_continue {
            tree = json_tokener_parse_ex(tokener, " ", 1)
            status = json_tokener_get_error(tokener)
        } else if status == json_tokener_success {
            let end = json_tokener_get_parse_end(tokener)
            if line[min(end, line.count)...].contains(where: { !$0.isJSONSpace }) {
                json_object_put(root)
                throw JSONFailure("more than one value in a line, at byte \(end)")
            }
        }
        guard status == json_tokener_success else {
            json_object_put(tree)
            let what =
                status == json_tokener_continue ? "the value is not complete" : String(cString: json_tokener_error_desc(status))
            throw JSONFailure("\(what) at byte \(json_tokener_get_parse_end(tokener))")
        }
        defer { json_object_put(tree) }
        var memberCount = 0
        let value = try convert(tree, &memberCount)
        guard memberCount == scan.memberCount else { throw JSONFailure("duplicate name in an object") }
        return value
    }

    private func convert(_ node: OpaquePointer?, _ memberCount: inout Int) throws(JSONFailure) -> JSON {
        switch json_object_get_type(node) {
        case json_type_boolean: return .bool(json_object_get_boolean(node) != 0)
        case json_type_int: return .int(Int(json_object_get_int64(node)))
        case json_type_double:
            let value = json_object_get_double(node)
            guard value.isFinite else { throw JSONFailure("a number is too large") }
            return .double(value)
        case json_type_string: return .string(text(json_object_get_string(node), Int(json_object_get_string_len(node))))
        case json_type_array:
            let count = json_object_array_length(node)
            var values: [JSON] = []
            values.reserveCapacity(count)
            for index in 0..<count { values.append(try convert(json_object_array_get_idx(node, index), &memberCount)) }
            return .array(values)
        case json_type_object:
            var members: [JSONObject.Member] = []
            members.reserveCapacity(Int(json_object_object_length(node)))
            var iterator = json_object_iter_begin(node)
            var end = json_object_iter_end(node)
            while json_object_iter_equal(&iterator, &end) == 0 {
                guard let name = json_object_iter_peek_name(&iterator) else { break }
                let value = try convert(json_object_iter_peek_value(&iterator), &memberCount)
                members.append(.init(key: String(cString: name), value: value))
                json_object_iter_next(&iterator)
            }
            memberCount += members.count
            return .object(JSONObject(unique: members))
        default: return .null
        }
    }

    private func text(_ start: UnsafePointer<CChar>?, _ count: Int) -> String {
        String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }
}
