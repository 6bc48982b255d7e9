/// A record's whole state, as opposed to changes of it: what `write` wrote becomes the same record again.
extension Record {
    /// The record that `json` is. Every row's member must be there, and no other; every value must be of its row's type and among its
    /// words. What only the wire would refuse, such as an empty method, is taken: a state may tell of a message that was refused.
    public static func restored(from json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> Self {
        guard let object = json.object else { throw .expected("an object", at: path(), found: json) }
        func place(_ name: String) -> String {
            let prefix = path()
            return prefix.isEmpty ? name : "\(prefix).\(name)"
        }
        var record = blank
        var isTaken = [Bool](repeating: false, count: object.members.count)
        for field in fields where field.access != .writeOnly {
            guard let index = object.members.firstIndex(where: { $0.key == field.name }) else {
                throw StateRefusal(.badState, at: place(field.name), "it is missing")
            }
            isTaken[index] = true
            try field.restore(&record, object.members[index].value) { place(field.name) }
        }
        if let index = isTaken.firstIndex(of: false) {
            throw StateRefusal(.badState, at: place(object.members[index].key), "\(name) has no such member")
        }
        return record
    }

    /// The changes that make `old` what the whole state `json` says; strict as `restored`, and read-only rows must be as they are.
    public static func changes(from old: Self, toWhole json: JSON, at path: @autoclosure () -> String)
        throws(StateRefusal) -> [Change<Self>]
    {
        _ = try restored(from: json, at: path())
        return try changes(from: old, to: json, at: path(), access: .replacing)
    }
}
