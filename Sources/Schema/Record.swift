/// A JSON object whose members are declared as rows. The rows encode it, read changes of it and print its schema.
public protocol Record: WireValue {
    static var name: String { get }
    static var doc: String { get }
    static var fields: [Field<Self>] { get }
    /// What a worker's object is merged into where there was none before.
    static var blank: Self { get }
}

extension Record {
    public static var shape: Shape { .record(recordShape) }

    public static var recordShape: RecordShape {
        RecordShape(name: name, doc: doc) {
            fields.map { FieldShape(name: $0.name, doc: $0.doc, shape: $0.shape(), access: $0.access, words: $0.words) }
        }
    }

    public func write(_ selection: Selection?, to writer: inout JSONWriter) {
        withUnsafePointer(to: self) { Self.write($0, selection, to: &writer) }
    }

    public static func write(_ place: UnsafePointer<Self>, _ selection: Selection?, to writer: inout JSONWriter) {
        writer.beginObject()
        writeMembers(of: place, selection, to: &writer)
        writer.endObject()
    }

    /// The rows as members of an object that the caller has begun.
    public func writeMembers(_ selection: Selection? = nil, to writer: inout JSONWriter) {
        withUnsafePointer(to: self) { Self.writeMembers(of: $0, selection, to: &writer) }
    }

    private static func writeMembers(of record: UnsafePointer<Self>, _ selection: Selection?, to writer: inout JSONWriter) {
        Self.fields.withUnsafeBufferPointer { fields in
            guard let selection else {
                for index in fields.indices {
                    fields.row(index) { if $0.access != .writeOnly { $0.write(record, nil, &writer) } }
                }
                return
            }
            selection.rows.withUnsafeBufferPointer { rows in
                for place in rows.indices {
                    fields.row(rows[place].index) { $0.write(record, rows[place].nested, &writer) }
                }
            }
        }
    }

    public static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Self {
        var value = blank
        try withUnsafePointer(to: blank) { (blank) throws(StateRefusal) in
            try changes(from: blank, to: json, at: path(), access: .creating) { $0.apply(&value) }
        }
        return value
    }

    /// RFC 7396: absent members are unchanged, unknown ones ignored.
    public static func changes(
        from old: UnsafePointer<Self>, to json: JSON, at path: @autoclosure () -> String, access: Access,
        _ take: (Change<Self>) -> Void
    ) throws(StateRefusal) {
        guard case .object(let object) = json else { throw .expected("an object", at: path(), found: json) }
        let fields = fields
        try object.forEachMember { (name, value) throws(StateRefusal) in
            for field in fields where field.isNamed(name) {
                let place = {
                    let prefix = path()
                    return prefix.isEmpty ? field.name : prefix + field.suffix
                }
                return try field.changes(old, value, place, access, take)
            }
        }
    }
}

/// One row: a member's name, where it is stored, and what it means.
public final class Field<Root: Sendable>: Sendable {
    public let name: String
    public let doc: String
    public let access: Access
    public let shape: @Sendable () -> Shape
    /// `"name":`, ready to be written.
    public let key: [UInt8]
    /// The values that the member can have, if not every one of its shape.
    public let words: [JSON]
    /// The name as it stands in a path.
    let suffix: String
    /// Writes the member of a record, its name and its value.
    public let write: @Sendable (UnsafePointer<Root>, Selection?, inout JSONWriter) -> Void
    /// Old record, the member's JSON, its path, the access of the place that holds the record, and who takes the changes.
    public let changes:
        @Sendable (UnsafePointer<Root>, JSON, () -> String, Access, (Change<Root>) -> Void) throws(StateRefusal) -> Void
    /// Puts in the value that the JSON stands for, whole.
    let restore: @Sendable (inout Root, JSON, () -> String) throws(StateRefusal) -> Void

    /// `Value` may be a record of its own: then the row's access bounds that of its rows. `refuse` says what is wrong with a
    /// value of the right type that the wire could not carry; `words` are all values that there are.
    ///
    /// A stored property is reached by its offset, because every event goes through every row.
    public init<Value: WireValue>(
        _ name: String, _ place: any WritableKeyPath<Root, Value> & Sendable, _ access: Access,
        words: [Value] = [], refuse: (@Sendable (Value) -> String?)? = nil, _ doc: String
    ) {
        self.name = name
        self.doc = doc
        self.access = access
        shape = { Value.shape }
        suffix = ".\(name)"
        let key = JSONWriter.encodedKey(name)
        self.key = key
        // No key path here: the literal would keep the optimiser from specialising this in other targets.
        self.words = words.map { $0.wireJSON }
        let check = { @Sendable (value: Value, path: () -> String) throws(StateRefusal) in
            guard !words.isEmpty, !words.contains(value) else { return }
            let expected = words.map { String(decoding: $0.wireJSON.encoded, as: UTF8.self) }.joined(separator: " or ")
            let found = String(decoding: value.wireJSON.encoded, as: UTF8.self)
            throw StateRefusal(.badState, at: path(), "expected \(expected), found \(found)")
        }
        restore = { (root, json, path) throws(StateRefusal) in
            let value = try Value.restored(from: json, at: path())
            try check(value, path)
            root[keyPath: place] = value
        }
        let offset = MemoryLayout<Root>.offset(of: place)
        write = { root, selection, writer in
            writer.key(encoded: key)
            guard let offset else { return root.pointee[keyPath: place].write(selection, to: &writer) }
            Value.write(UnsafeRawPointer(root).advanced(by: offset).assumingMemoryBound(to: Value.self), selection, to: &writer)
        }
        changes = { (root, json, path, outer, take) throws(StateRefusal) in
            let bound: Access = outer != .creating && access == .readOnly ? .readOnly : outer
            func put(_ change: Change<Value>) {
                let apply = change.apply
                guard let offset else { return take(Change(path: change.path) { apply(&$0[keyPath: place]) }) }
                take(
                    Change(path: change.path) { root in
                        withUnsafeMutablePointer(to: &root) { root in
                            apply(&UnsafeMutableRawPointer(root).advanced(by: offset).assumingMemoryBound(to: Value.self).pointee)
                        }
                    })
            }
            if let offset, refuse == nil, words.isEmpty {
                let old = UnsafeRawPointer(root).advanced(by: offset).assumingMemoryBound(to: Value.self)
                return try Value.changes(from: old, to: json, at: path(), access: bound, put)
            }
            let old = root.pointee[keyPath: place]
            let changes = try Value.changes(from: old, to: json, at: path(), access: bound)
            if changes.isEmpty { return }
            var new = old
            for change in changes { change.apply(&new) }
            try check(new, path)
            if let reason = refuse?(new) { throw StateRefusal(.badState, at: path(), reason) }
            changes.forEach(put)
        }
    }
}

extension UnsafeBufferPointer {
    /// Lends a row without counting a reference to it: a record's rows live as long as the program, and each event goes through many.
    @inline(__always)
    fileprivate func row<Root>(_ index: Int, _ body: (Field<Root>) -> Void) where Element == Field<Root> {
        Unmanaged.passUnretained(self[index])._withUnsafeGuaranteedRef { body($0) }
    }
}

extension Field {
    @inline(__always)
    func isNamed(_ name: UnsafeRawBufferPointer) -> Bool {
        // Between the quotation marks of `"name":`.
        key.count == name.count + 3
            && key.withUnsafeBytes { UnsafeRawBufferPointer(rebasing: $0[1..<(name.count + 1)]).isExactly(name) }
    }

    /// A row that workers may change.
    public convenience init<Value: WireValue>(
        _ name: String, _ place: any WritableKeyPath<Root, Value> & Sendable,
        words: [Value] = [], refuse: (@Sendable (Value) -> String?)? = nil, _ doc: String
    ) {
        self.init(name, place, .writable, words: words, refuse: refuse, doc)
    }
}

/// The record of an event that carries nothing.
public struct Nothing: Record {
    public static let name = "Nothing"
    public static let doc = "No members."
    public static let fields: [Field<Nothing>] = []
    public static let blank = Nothing()
    public init() {}
}
