/// The JSON form of a value, from which the published schemas are printed.
public indirect enum Shape: Sendable {
    case boolean, integer, number, string, byteString, headers, content, any, object
    case array(Shape)
    case tuple([Shape])
    case nullable(Shape)
    case record(RecordShape)

    /// JSON Schema (2020-12) of this shape.
    public var schema: JSON {
        switch self {
        case .boolean: ["type": "boolean"]
        case .integer: ["type": "integer"]
        case .number: ["type": "number"]
        case .string: ["type": "string"]
        case .byteString: ["$ref": "#/$defs/ByteString"]
        case .headers: ["$ref": "#/$defs/Headers"]
        case .content: ["$ref": "#/$defs/Content"]
        case .any: [:]
        case .object: ["type": "object"]
        case .array(let element): ["type": "array", "items": element.schema]
        case .tuple(let elements):
            ["type": "array", "prefixItems": .array(elements.map(\.schema)), "minItems": .int(elements.count), "items": false]
        case .nullable(let wrapped): ["anyOf": [wrapped.schema, ["type": "null"]]]
        case .record(let record): ["$ref": .string("#/$defs/\(record.name)")]
        }
    }

    /// The records that this shape names, itself included, by their names. A record may hold another of its kind.
    public func collectRecords(into records: inout [String: RecordShape]) {
        switch self {
        case .array(let element), .nullable(let element): element.collectRecords(into: &records)
        case .tuple(let elements): for element in elements { element.collectRecords(into: &records) }
        case .record(let record):
            guard records[record.name] == nil else { return }
            records[record.name] = record
            for field in record.fields() { field.shape.collectRecords(into: &records) }
        default: break
        }
    }

    /// What a table of fields says of this shape.
    public var text: String {
        switch self {
        case .boolean: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .byteString: "byte string"
        case .headers: "array of [name, value]"
        case .content: "content"
        case .any: "any"
        case .object: "object"
        case .array(let element): "array of \(element.text)"
        case .tuple(let elements): "[" + elements.map(\.text).joined(separator: ", ") + "]"
        case .nullable(let wrapped): wrapped.text + " or null"
        case .record(let record): record.name
        }
    }
}

/// A record's name and rows without its type, for schemas and documents.
public struct RecordShape: Sendable {
    public let name: String
    public let doc: String
    public let fields: @Sendable () -> [FieldShape]

    public var schema: JSON {
        var properties = JSONObject()
        for field in fields() {
            var property = field.shape.schema.object ?? JSONObject()
            property["description"] = .string(field.doc)
            if field.access == .readOnly { property["readOnly"] = true }
            if field.access == .writeOnly { property["writeOnly"] = true }
            if !field.words.isEmpty { property["enum"] = .array(field.words) }
            properties[field.name] = .object(property)
        }
        return ["type": "object", "description": .string(doc), "properties": .object(properties)]
    }
}

/// A row without the type of its record.
public struct FieldShape: Sendable {
    public let name: String
    public let doc: String
    public let shape: Shape
    public let access: Access
    /// All values that the member can have, if not every one of its shape.
    public let words: [JSON]
}

/// Whether a worker may change a field.
public enum Access: Sendable {
    case readOnly, writable
    /// A wish that a worker states in an answer; no part of the state that it is sent.
    case writeOnly
    /// Writable, by a state that is whole: what it does not name is not there.
    case replacing
    /// The worker makes the record anew, so it names every member.
    case creating
}
