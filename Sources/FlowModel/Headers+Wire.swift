import Schema

extension Headers: WireValue {
    public static var shape: Shape { .headers }

    public func write(_: Selection?, to writer: inout JSONWriter) {
        writer.beginArray()
        for index in 0..<count {
            withLine(at: index) { name, value in writer.pair(name, value) }
        }
        writer.endArray()
    }

    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Headers {
        try read(json, at: path(), over: Headers())
    }

    /// Lines may be edited instead of being given again; where there are none, as those of an empty section.
    public static func changes(
        from old: UnsafePointer<Headers>, to json: JSON, at path: @autoclosure () -> String, access: Access,
        _ take: (Change<Headers>) -> Void
    ) throws(StateRefusal) {
        let new = try read(json, at: path(), over: old.pointee)
        if new == old.pointee { return }
        guard access != .readOnly else { throw StateRefusal(.readOnly, at: path(), "it may not be changed") }
        take(Change(path: path()) { $0 = new })
    }

    private static func read(
        _ json: JSON, at path: @autoclosure () -> String, over old: @autoclosure () -> Headers
    ) throws(StateRefusal) -> Headers {
        guard case .object(let edits) = json else { return try read(json, at: path(), isForWire: true) }
        return try HeaderEdits(edits, at: path()).applied(to: old(), at: path())
    }

    public static func restored(from json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Headers {
        try read(json, at: path(), isForWire: false)
    }

    private static func read(_ json: JSON, at path: @autoclosure () -> String, isForWire: Bool) throws(StateRefusal) -> Headers {
        if case .pairs(let pairs) = json { return try read(pairs, at: path(), isForWire: isForWire) }
        var headers = Headers()
        if let pairs = json.array { headers.reserve(lines: pairs.count, bytes: pairs.count * 48) }
        try forEachPair(ofTree: json, at: path) { (name, value, index) throws(StateRefusal) in
            if isForWire { try checkFitness(name, value, at: "\(path())[\(index)]") }
            headers.append(name: name, value: value)
        }
        return headers
    }

    /// Lends the texts of each pair, and its number.
    static func forEachPair(
        ofTree json: JSON, at path: () -> String,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, Int) throws(StateRefusal) -> Void
    ) throws(StateRefusal) {
        guard let pairs = json.array else { throw .expected("an array of [name, value] pairs", at: path(), found: json) }
        for (index, pair) in pairs.enumerated() {
            guard let parts = pair.array, parts.count == 2 else {
                throw .expected("a [name, value] pair", at: "\(path())[\(index)]", found: pair)
            }
            try ByteString.lend(parts[0], at: "\(path())[\(index)][0]") { (name) throws(StateRefusal) in
                try ByteString.lend(parts[1], at: "\(path())[\(index)][1]") { (value) throws(StateRefusal) in
                    try body(name, value, index)
                }
            }
        }
    }

    /// Refuses a line that is not fit for the wire.
    static func checkFitness(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, at place: @autoclosure () -> String
    ) throws(StateRefusal) {
        guard isName(name) else {
            let name = String(decoding: name, as: UTF8.self)
            throw StateRefusal(.badState, at: "\(place())[0]", "'\(name)' is not a field name (RFC 9110 5.1)")
        }
        guard isValue(value) else {
            let name = String(decoding: name, as: UTF8.self)
            throw StateRefusal(
                .badState, at: "\(place())[1]", "a control character or outer whitespace in the value of '\(name)'")
        }
    }
}
