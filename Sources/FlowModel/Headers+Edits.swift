import Schema

/// What an answer may say of field lines in place of all of them: `{"remove": ["server"], "set": [["x-a", "1"]], "add": [["x-b", "2"]]}`, done
/// in this order to the lines that stand there. Who adds one line need not have read the others, nor send them back.
extension Headers {
    static func edits(_ json: JSON) -> JSONObject? { if case .object(let object) = json { object } else { nil } }

    /// Does what the members say; nothing is done in part where this throws, as long as the caller throws away what it had edited.
    mutating func edit(_ edits: JSONObject, at path: @autoclosure () -> String) throws(StateRefusal) {
        var known = 0
        if let names = edits.member("remove") {
            known += 1
            try removeAll(names, at: { "\(path()).remove" })
        }
        if let pairs = edits.member("set") {
            known += 1
            try setAll(pairs, at: { "\(path()).set" })
        }
        if let pairs = edits.member("add") {
            known += 1
            try Self.forEachPair(pairs, at: { "\(path()).add" }) { name, value in append(name: name, value: value) }
        }
        // A dictionary of fields is a mistake that is often made, and must not pass for one that changes nothing.
        guard known == edits.count, known > 0 else {
            throw StateRefusal(
                .badState, at: path(),
                "expected an array of [name, value] pairs, or an object of remove, set and add alone, found an object of "
                    + (edits.count == 0 ? "nothing" : edits.members.map { "'\($0.key)'" }.joined(separator: ", ")))
        }
    }

    private mutating func removeAll(_ list: JSON, at place: () -> String) throws(StateRefusal) {
        guard let names = list.array else { throw .expected("an array of names", at: place(), found: list) }
        for (index, json) in names.enumerated() {
            let name = try ByteString.read(json, at: "\(place())[\(index)]")
            guard Self.isName(name) else {
                throw StateRefusal(.badState, at: "\(place())[\(index)]", "'\(name)' is not a field name (RFC 9110 5.1)")
            }
            remove(named: name.string)
        }
    }

    /// The lines of each name that is there are replaced by those given, the first in its place.
    private mutating func setAll(_ list: JSON, at place: () -> String) throws(StateRefusal) {
        var names: Set<String> = []
        try Self.forEachPair(list, at: place) { name, value in
            let isFirst = names.insert(String(decoding: name, as: UTF8.self).lowercased()).inserted
            if isFirst { set(name, ByteString(value)) } else { append(name: name, value: value) }
        }
    }

    /// Lends the texts of pairs that are fit for the wire.
    private static func forEachPair(
        _ list: JSON, at place: () -> String, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void
    ) throws(StateRefusal) {
        func check(
            _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ index: Int
        ) throws(StateRefusal) {
            if !isName(name) || !isValue(value) { try checkFitness(name, value, at: "\(place())[\(index)]") }
            body(name, value)
        }
        if case .pairs(let pairs) = list {
            for index in 0..<pairs.count {
                try pairs.withPair(at: index) { (name, value) throws(StateRefusal) in try check(name, value, index) }
            }
            return
        }
        try forEachPair(ofTree: list, at: place, check)
    }
}
