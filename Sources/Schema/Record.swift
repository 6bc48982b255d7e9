/// A JSON object whose members are declared as rows. The rows encode it, read changes of it and print its schema.
package protocol Record: WireValue {
    static var name: String { get }
    static var doc: String { get }
    static var fields: [Field<Self>] { get }
    /// What a worker's object is merged into where there was none before.
    static var blank: Self { get }
}

extension Record {
    package static var shape: Shape { .record(recordShape) }

    package static var recordShape: RecordShape {
        RecordShape(name: name, doc: doc) {
            fields.map { FieldShape(name: $0.name, doc: $0.doc, shape: $0.shape(), access: $0.access) }
        }
    }

    package func write(_ selection: Selection?, to writer: inout JSONWriter) {
        writer.beginObject()
        writeMembers(selection, to: &writer)
        writer.endObject()
    }

    /// The rows as members of an object that the caller has begun.
    package func writeMembers(_ selection: Selection? = nil, to writer: inout JSONWriter) {
        withUnsafePointer(to: self) { record in
            let fields = Self.fields
            if let selection {
                for (index, nested) in selection.rows {
                    writer.key(encoded: fields[index].key)
                    fields[index].write(record, nested, &writer)
                }
            } else {
                for index in fields.indices {
                    writer.key(encoded: fields[index].key)
                    fields[index].write(record, nil, &writer)
                }
            }
        }
    }

    package static func read(_ json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Self {
        var value = blank
        for change in try changes(from: blank, to: json, at: path(), access: .creating) { change.apply(&value) }
        return value
    }

    /// RFC 7396: absent members are unchanged, unknown ones ignored.
    package static func changes(from old: Self, to json: JSON, at path: @autoclosure () -> String, access: Access)
        throws(StateRefusal) -> [Change<Self>]
    {
        guard let object = json.object else { throw .expected("an object", at: path(), found: json) }
        let fields = fields
        let prefix = path()
        var result: [Change<Self>] = []
        try withUnsafePointer(to: old) { (old) throws(StateRefusal) in
            for member in object.members {
                guard let field = fields.first(where: { $0.name == member.key }) else { continue }
                let changes = try field.changes(
                    old, member.value, prefix.isEmpty ? field.name : "\(prefix).\(field.name)", access)
                if !changes.isEmpty { result += changes }
            }
        }
        return result
    }
}

/// One row: a member's name, where it is stored, and what it means.
package struct Field<Root: Sendable>: Sendable {
    package let name: String
    package let doc: String
    package let access: Access
    package let shape: @Sendable () -> Shape
    /// `"name":`, ready to be written.
    package let key: [UInt8]
    package let write: @Sendable (UnsafePointer<Root>, Selection?, inout JSONWriter) -> Void
    /// Old record, the member's JSON, its path, and the access of the place that holds the record.
    package let changes: @Sendable (UnsafePointer<Root>, JSON, String, Access) throws(StateRefusal) -> [Change<Root>]

    /// `Value` may be a record of its own: then the row's access bounds that of its rows. `refuse` says what is wrong with a
    /// value of the right type that the wire could not carry.
    ///
    /// A stored property is reached by its offset, because every event goes through every row.
    package init<Value: WireValue>(
        _ name: String, _ place: any WritableKeyPath<Root, Value> & Sendable, _ access: Access,
        refuse: (@Sendable (Value) -> String?)? = nil, _ doc: String
    ) {
        self.name = name
        self.doc = doc
        self.access = access
        shape = { Value.shape }
        key = JSONWriter.encodedKey(name)
        let offset = MemoryLayout<Root>.offset(of: place)
        write = { root, selection, writer in
            guard let offset else { return root.pointee[keyPath: place].write(selection, to: &writer) }
            UnsafeRawPointer(root).advanced(by: offset).assumingMemoryBound(to: Value.self).pointee.write(selection, to: &writer)
        }
        changes = { (root, json, path, outer) throws(StateRefusal) in
            let bound: Access = outer == .creating ? .creating : outer == .readOnly || access == .readOnly ? .readOnly : .writable
            let old =
                offset.map { UnsafeRawPointer(root).advanced(by: $0).assumingMemoryBound(to: Value.self).pointee }
                ?? root.pointee[keyPath: place]
            let changes = try Value.changes(from: old, to: json, at: path, access: bound)
            if changes.isEmpty { return [] }
            if let refuse {
                var new = old
                for change in changes { change.apply(&new) }
                if let reason = refuse(new) { throw StateRefusal(.badState, at: path, reason) }
            }
            return changes.map { change in Change(path: change.path) { change.apply(&$0[keyPath: place]) } }
        }
    }
}

extension Field {
    /// A row that workers may change.
    package init<Value: WireValue>(
        _ name: String, _ place: any WritableKeyPath<Root, Value> & Sendable,
        refuse: (@Sendable (Value) -> String?)? = nil, _ doc: String
    ) {
        self.init(name, place, .writable, refuse: refuse, doc)
    }
}

/// The record of an event that carries nothing.
package struct Nothing: Record {
    package static let name = "Nothing"
    package static let doc = "No members."
    package static let fields: [Field<Nothing>] = []
    package static let blank = Nothing()
    package init() {}
}
