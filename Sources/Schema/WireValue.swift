/// A value that one row of a table carries to a worker and back.
public protocol WireValue: Equatable, Sendable {
    static var shape: Shape { get }
    /// Writes the value; of a record only the rows selected, if there is a selection. Other values have no parts to select.
    func write(_ selection: Selection?, to writer: inout JSONWriter)
    /// The same of a value where it stands: one that holds others would be copied with them, and each of them again.
    static func write(_ place: UnsafePointer<Self>, _ selection: Selection?, to writer: inout JSONWriter)
    /// The value that `json` stands for; `path` names the place for the refusal.
    static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Self
    /// Hands `take` the changes that turn what stands at `old` into what `json` says, each naming its path; none if they are equal.
    static func changes(
        from old: UnsafePointer<Self>, to json: JSON, at path: @autoclosure () -> String, access: Access,
        _ take: (Change<Self>) -> Void
    ) throws(StateRefusal)
    /// The value that `json` is the whole state of: the inverse of `write`, where `read` takes what a worker may make.
    static func restored(from json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Self
}

extension WireValue {
    public func write(to writer: inout JSONWriter) { write(nil, to: &writer) }

    public static func write(_ place: UnsafePointer<Self>, _ selection: Selection?, to writer: inout JSONWriter) {
        place.pointee.write(selection, to: &writer)
    }

    public static func restored(from json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Self {
        try read(json, at: path())
    }

    /// The value as JSON, for messages and small values.
    public var wireJSON: JSON {
        var writer = JSONWriter(capacity: 64)
        write(to: &writer)
        // What a row writes is valid JSON, so reading it back cannot fail.
        return (try? JSONReader().read(writer.bytes)) ?? .null
    }

    public static func changes(
        from old: UnsafePointer<Self>, to json: JSON, at path: @autoclosure () -> String, access: Access,
        _ take: (Change<Self>) -> Void
    ) throws(StateRefusal) {
        let new = try read(json, at: path())
        if new == old.pointee { return }
        guard access != .readOnly else { throw StateRefusal(.readOnly, at: path(), "it may not be changed") }
        take(Change(path: path()) { $0 = new })
    }

    /// The changes that turn `old` into what `json` says.
    public static func changes(from old: Self, to json: JSON, at path: @autoclosure () -> String, access: Access)
        throws(StateRefusal) -> [Change<Self>]
    {
        var changes: [Change<Self>] = []
        try withUnsafePointer(to: old) { (old) throws(StateRefusal) in
            try Self.changes(from: old, to: json, at: path(), access: access) { changes.append($0) }
        }
        return changes
    }
}

/// One validated change of a value, to be applied to the live value later.
public struct Change<Root>: Sendable {
    /// The changed place, such as `flow.request.headers`.
    public let path: String
    public let apply: @Sendable (inout Root) -> Void

    public init(path: String, apply: @escaping @Sendable (inout Root) -> Void) {
        self.path = path
        self.apply = apply
    }
}

/// Why a worker's state was refused. Nothing of a refused state is applied.
public struct StateRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// The stable word that SDKs and counters use.
    public enum Word: String, Sendable {
        case badState = "bad_state"
        case readOnly = "read_only"
        case denied, tooLarge = "too_large"
        /// The body goes as it comes, and cannot be changed as a whole.
        case streamed
    }

    public let word: Word
    public let path: String
    public let reason: String

    public init(_ word: Word, at path: String, _ reason: String) {
        self.word = word
        self.path = path
        self.reason = reason
    }

    public static func expected(_ what: String, at path: String, found json: JSON) -> StateRefusal {
        StateRefusal(.badState, at: path, "expected \(what), found \(json.kind)")
    }

    public var description: String { "\(path): \(reason) (\(word.rawValue))" }
}

extension Bool: WireValue {
    public static var shape: Shape { .boolean }
    public func write(_: Selection?, to writer: inout JSONWriter) { writer.bool(self) }
    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Bool {
        guard let value = json.bool else { throw .expected("a boolean", at: path(), found: json) }
        return value
    }
}

extension Int: WireValue {
    public static var shape: Shape { .integer }
    public func write(_: Selection?, to writer: inout JSONWriter) { writer.int(self) }
    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Int {
        guard let value = json.int else { throw .expected("an integer", at: path(), found: json) }
        return value
    }
}

extension Double: WireValue {
    public static var shape: Shape { .number }
    public func write(_: Selection?, to writer: inout JSONWriter) { writer.double(self) }
    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Double {
        guard let value = json.double else { throw .expected("a number", at: path(), found: json) }
        return value
    }
}

extension String: WireValue {
    public static var shape: Shape { .string }
    public func write(_: Selection?, to writer: inout JSONWriter) { writer.string(self) }
    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> String {
        guard let value = json.string else { throw .expected("a string", at: path(), found: json) }
        return value
    }
}

extension JSON: WireValue {
    public static var shape: Shape { .any }
    public func write(_: Selection?, to writer: inout JSONWriter) { writer.value(self) }
    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> JSON { json.detached }
}

extension Array: WireValue where Element: WireValue {
    public static var shape: Shape { .array(Element.shape) }
    public func write(_: Selection?, to writer: inout JSONWriter) {
        writer.beginArray()
        for element in self { element.write(to: &writer) }
        writer.endArray()
    }
    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> [Element] {
        guard let values = json.array else { throw .expected("an array", at: path(), found: json) }
        var result: [Element] = []
        for (index, value) in values.enumerated() { result.append(try Element.read(value, at: "\(path())[\(index)]")) }
        return result
    }
    public static func restored(from json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> [Element] {
        guard let values = json.array else { throw .expected("an array", at: path(), found: json) }
        var result: [Element] = []
        for (index, value) in values.enumerated() { result.append(try Element.restored(from: value, at: "\(path())[\(index)]")) }
        return result
    }
}

extension Optional: WireValue where Wrapped: WireValue {
    public static var shape: Shape { .nullable(Wrapped.shape) }
    public func write(_ selection: Selection?, to writer: inout JSONWriter) {
        withUnsafePointer(to: self) { Self.write($0, selection, to: &writer) }
    }
    public static func write(_ place: UnsafePointer<Wrapped?>, _ selection: Selection?, to writer: inout JSONWriter) {
        if let place = wrapped(place) { Wrapped.write(place, selection, to: &writer) } else { writer.null() }
    }
    /// What an optional holds stands where the optional does.
    private static func wrapped(_ place: UnsafePointer<Wrapped?>) -> UnsafePointer<Wrapped>? {
        if case nil = place.pointee { nil } else { UnsafeRawPointer(place).assumingMemoryBound(to: Wrapped.self) }
    }
    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Wrapped? {
        json.isNull ? nil : try Wrapped.read(json, at: path())
    }
    public static func restored(from json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Wrapped? {
        json.isNull ? nil : try Wrapped.restored(from: json, at: path())
    }
    public static func changes(
        from old: UnsafePointer<Wrapped?>, to json: JSON, at path: @autoclosure () -> String, access: Access,
        _ take: (Change<Wrapped?>) -> Void
    ) throws(StateRefusal) {
        if let old = wrapped(old), !json.isNull {
            return try Wrapped.changes(from: old, to: json, at: path(), access: access) { change in
                let (old, apply) = (old.pointee, change.apply)
                take(
                    Change(path: change.path) { target in
                        var value = target.take() ?? old
                        apply(&value)
                        target = value
                    })
            }
        }
        let new = try read(json, at: path())
        if new == old.pointee { return }
        guard access != .readOnly else { throw StateRefusal(.readOnly, at: path(), "it may not be changed") }
        take(Change(path: path()) { $0 = new })
    }
}
