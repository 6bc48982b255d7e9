import Schema

/// What an answer may say of field lines in place of all of them: `{"remove": ["server"], "set": [["x-a", "1"]], "add": [["x-b", "2"]]}`, done
/// in this order to the lines that stand there. Who adds one line need not have read the others, nor send them back.
struct HeaderEdits {
    /// In lower case, as the names of `firsts`.
    private var removed: Set<String> = []
    private var set: [(name: ByteString, value: ByteString)] = []
    /// Where in `set` each name comes first.
    private var firsts: [String: Int] = [:]
    private var added: JSON?
    /// The names that are removed or set, and perhaps others.
    private var names = NameSet()

    /// Refuses names and lines to set that are not fit for the wire, and members of any other name.
    init(_ edits: JSONObject, at path: @autoclosure () -> String) throws(StateRefusal) {
        var known = 0
        if let names = edits.member("remove") {
            known += 1
            try remove(names, at: { "\(path()).remove" })
        }
        if let pairs = edits.member("set") {
            known += 1
            try Headers.forEachFitPair(pairs, at: { "\(path()).set" }) { name, value in
                let key = noted(name)
                firsts[key] = firsts[key] ?? set.count
                set.append((ByteString(name), ByteString(value)))
            }
        }
        if let pairs = edits.member("add") {
            known += 1
            added = pairs
        }
        // A dictionary of fields is a mistake that is often made, and must not pass for one that changes nothing.
        guard known == edits.count, known > 0 else {
            var found = ""
            edits.forEachMember { name, _ in
                if found.utf8.count < 64 {
                    found += "\(found.isEmpty ? "" : ", ")'\(String(decoding: name.prefix(64), as: UTF8.self))'"
                }
            }
            throw StateRefusal(
                .badState, at: path(),
                "expected an array of [name, value] pairs, or an object of remove, set and add alone, found an object of "
                    + (found.isEmpty ? "nothing" : found))
        }
    }

    private mutating func remove(_ list: JSON, at place: () -> String) throws(StateRefusal) {
        guard let names = list.array else { throw .expected("an array of names", at: place(), found: list) }
        for (index, json) in names.enumerated() {
            let name = try ByteString.read(json, at: "\(place())[\(index)]")
            guard Headers.isName(name) else {
                throw StateRefusal(.badState, at: "\(place())[\(index)]", "'\(name)' is not a field name (RFC 9110 5.1)")
            }
            removed.insert(name.bytes.withUnsafeBytes { noted($0) })
        }
    }

    private mutating func noted(_ name: UnsafeRawBufferPointer) -> String {
        names.insert(NameSet(name))
        return Self.key(name)
    }

    private static func key(_ name: UnsafeRawBufferPointer) -> String { String(decoding: name, as: UTF8.self).lowercased() }

    /// The lines as they are then; refuses those to add that are not fit for the wire. Takes as long as there are lines and edits, since who
    /// sent them may mean it badly.
    func applied(to old: Headers, at path: @autoclosure () -> String) throws(StateRefusal) -> Headers {
        var new = removed.isEmpty && set.isEmpty ? old : replaced(in: old)
        if let added {
            try Headers.forEachFitPair(added, at: { "\(path()).add" }) { name, value in new.append(name: name, value: value) }
        }
        return new
    }

    private func replaced(in old: Headers) -> Headers {
        var new = Headers()
        new.reserve(lines: old.count + set.count, bytes: old.wireLength + 64 * set.count)
        var isPlaced = [Bool](repeating: false, count: set.count)
        for index in 0..<old.count {
            old.withLine(at: index) { name, value in
                guard !names.isDisjoint(with: NameSet(name)) else { return new.append(name: name, value: value) }
                let key = Self.key(name)
                if removed.contains(key) { return }
                guard let first = firsts[key] else { return new.append(name: name, value: value) }
                // The first of a name keeps its place, and the name's case.
                guard !isPlaced[first] else { return }
                isPlaced[first] = true
                set[first].value.bytes.withUnsafeBytes { new.append(name: name, value: $0) }
            }
        }
        for (index, line) in set.enumerated() where !isPlaced[index] { new.append(name: line.name, value: line.value) }
        return new
    }
}

extension Headers {
    /// Lends the texts of pairs that are fit for the wire.
    fileprivate static func forEachFitPair(
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
