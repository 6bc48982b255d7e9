/// A value that one row of a table carries to a worker and back.
package protocol WireValue: Equatable, Sendable {
    static var shape: Shape { get }
    /// Writes the value; of a record only the rows selected, if there is a selection. Other values have no parts to select.
    func write(_ selection: Selection?, to writer: inout JSONWriter)
    /// The value that `json` stands for; `path` names the place for the refusal.
    static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Self
    /// The changes that turn `old` into what `json` says, each naming its path; none if they are equal.
    static func changes(from old: Self, to json: JSON, at path: @autoclosure () -> String, access: Access)
        throws(StateRefusal) -> [Change<Self>]
}

extension WireValue {
    package func write(to writer: inout JSONWriter) { write(nil, to: &writer) }

    package static func changes(from old: Self, to json: JSON, at path: @autoclosure () -> String, access: Access)
        throws(StateRefusal) -> [Change<Self>]
    {
        let new = try read(json, at: path())
        if new == old { return [] }
        guard access != .readOnly else { throw StateRefusal(.readOnly, at: path(), "it may not be changed") }
        return [Change(path: path()) { $0 = new }]
    }
}

/// One validated change of a value, to be applied to the live value later.
package struct Change<Root>: Sendable {
    /// The changed place, such as `flow.request.headers`.
    package let path: String
    package let apply: @Sendable (inout Root) -> Void

    package init(path: String, apply: @escaping @Sendable (inout Root) -> Void) {
        self.path = path
        self.apply = apply
    }
}

/// Why a worker's state was refused. Nothing of a refused state is applied.
package struct StateRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// The stable word that SDKs and counters use.
    package enum Word: String, Sendable {
        case badState = "bad_state"
        case readOnly = "read_only"
        case denied, tooLarge = "too_large"
    }

    package let word: Word
    package let path: String
    package let reason: String

    package init(_ word: Word, at path: String, _ reason: String) {
        self.word = word
        self.path = path
        self.reason = reason
    }

    package static func expected(_ what: String, at path: String, found json: JSON) -> StateRefusal {
        StateRefusal(.badState, at: path, "expected \(what), found \(json.kind)")
    }

    package var description: String { "\(path): \(reason) (\(word.rawValue))" }
}

extension Bool: WireValue {
    package static var shape: Shape { .boolean }
    package func write(_: Selection?, to writer: inout JSONWriter) { writer.bool(self) }
    package static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Bool {
        guard let value = json.bool else { throw .expected("a boolean", at: path(), found: json) }
        return value
    }
}

extension Int: WireValue {
    package static var shape: Shape { .integer }
    package func write(_: Selection?, to writer: inout JSONWriter) { writer.int(self) }
    package static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Int {
        guard let value = json.int else { throw .expected("an integer", at: path(), found: json) }
        return value
    }
}

extension Double: WireValue {
    package static var shape: Shape { .number }
    package func write(_: Selection?, to writer: inout JSONWriter) { writer.double(self) }
    package static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Double {
        guard let value = json.double else { throw .expected("a number", at: path(), found: json) }
        return value
    }
}

extension String: WireValue {
    package static var shape: Shape { .string }
    package func write(_: Selection?, to writer: inout JSONWriter) { writer.string(self) }
    package static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> String {
        guard let value = json.string else { throw .expected("a string", at: path(), found: json) }
        return value
    }
}

extension JSON: WireValue {
    package static var shape: Shape { .any }
    package func write(_: Selection?, to writer: inout JSONWriter) { writer.value(self) }
    package static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> JSON { json }
}

extension Array: WireValue where Element: WireValue {
    package static var shape: Shape { .array(Element.shape) }
    package func write(_: Selection?, to writer: inout JSONWriter) {
        writer.beginArray()
        for element in self { element.write(to: &writer) }
        writer.endArray()
    }
    package static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> [Element] {
        guard let values = json.array else { throw .expected("an array", at: path(), found: json) }
        var result: [Element] = []
        for (index, value) in values.enumerated() { result.append(try Element.read(value, at: "\(path())[\(index)]")) }
        return result
    }
}

extension Optional: WireValue where Wrapped: WireValue {
    package static var shape: Shape { .nullable(Wrapped.shape) }
    package func write(_ selection: Selection?, to writer: inout JSONWriter) {
        if let value = self { value.write(selection, to: &writer) } else { writer.null() }
    }
    package static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Wrapped? {
        json == .null ? nil : try Wrapped.read(json, at: path())
    }
    package static func changes(from old: Wrapped?, to json: JSON, at path: @autoclosure () -> String, access: Access)
        throws(StateRefusal) -> [Change<Wrapped?>]
    {
        if let old, json != .null {
            return try Wrapped.changes(from: old, to: json, at: path(), access: access).map { change in
                Change(path: change.path) { target in
                    var value = target ?? old
                    change.apply(&value)
                    target = value
                }
            }
        }
        let new = try read(json, at: path())
        if new == old { return [] }
        guard access != .readOnly else { throw StateRefusal(.readOnly, at: path(), "it may not be changed") }
        return [Change(path: path()) { $0 = new }]
    }
}
