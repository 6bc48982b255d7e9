/// The rows of a record that a worker wants to be sent, for workers that do not need the whole state.
public struct Selection: Sendable {
    /// Positions among the record's rows, ascending, each with what is wanted of the record that it holds; nil for all of it.
    public private(set) var rows: [(index: Int, nested: Selection?)] = []

    public init() {}

    /// Adds what a path such as `flow.response.headers` names; the refusal says which part of it is unknown.
    public mutating func add(_ path: String, of record: RecordShape) throws(StateRefusal) {
        try add(path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)[...], of: record, path)
    }

    private mutating func add(_ parts: ArraySlice<String>, of record: RecordShape, _ path: String) throws(StateRefusal) {
        let fields = record.fields()
        guard let name = parts.first, let index = fields.firstIndex(where: { $0.name == name && $0.access != .writeOnly }) else {
            throw StateRefusal(.badState, at: path, "\(record.name) has no member '\(parts.first ?? "")'")
        }
        let rest = parts.dropFirst()
        let place = rows.firstIndex { $0.index == index }
        guard !rest.isEmpty else {
            if let place { rows[place].nested = nil } else { insert((index, nil)) }
            return
        }
        guard let inner = fields[index].shape.record else {
            throw StateRefusal(.badState, at: path, "'\(name)' has no members")
        }
        if let place {
            // All of it is wanted already.
            guard var nested = rows[place].nested else { return }
            try nested.add(rest, of: inner, path)
            rows[place].nested = nested
        } else {
            var nested = Selection()
            try nested.add(rest, of: inner, path)
            insert((index, nested))
        }
    }

    private mutating func insert(_ row: (index: Int, nested: Selection?)) {
        rows.insert(row, at: rows.firstIndex { $0.index > row.index } ?? rows.endIndex)
    }
}

extension Shape {
    /// The record that a value of this shape is, if it is not null.
    fileprivate var record: RecordShape? {
        switch self {
        case .record(let record): record
        case .nullable(let wrapped): wrapped.record
        default: nil
        }
    }
}

extension Selection {
    /// What both select.
    public func intersection(_ other: Selection) -> Selection {
        var result = Selection()
        for (index, nested) in rows {
            guard let match = other.rows.first(where: { $0.index == index }) else { continue }
            switch (nested, match.nested) {
            case (let mine?, let theirs?): result.rows.append((index, mine.intersection(theirs)))
            case (let mine, let theirs): result.rows.append((index, mine ?? theirs))
            }
        }
        return result
    }

    /// The members of a record's whole JSON that are selected.
    public func select(_ json: JSON, of record: RecordShape) -> JSON {
        guard let object = json.object else { return json }
        let fields = record.fields()
        var result = JSONObject()
        for (index, nested) in rows {
            guard let value = object[fields[index].name] else { continue }
            if let nested, let inner = fields[index].shape.record {
                result[fields[index].name] = nested.select(value, of: inner)
            } else {
                result[fields[index].name] = value
            }
        }
        return .object(result)
    }
}
