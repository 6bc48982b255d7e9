/// A JSON value as it was read from a line or is about to be written to one.
public enum JSON: Sendable {
    case null
    case bool(Bool)
    /// An integer within ±2^53.
    case int(Int)
    /// A finite number with a fraction or an exponent.
    case double(Double)
    case string(String)
    case array([JSON])
    /// The same as the array of its values; only readers make it that were told to.
    case pairs(JSONPairs)
    case object(JSONObject)

    /// The member of that name, if this is an object that has it.
    public subscript(_ key: String) -> JSON? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    var isNull: Bool { if case .null = self { true } else { false } }

    /// The member of that name, if this is an object that has it; of the name no string is made.
    public func member(_ key: StaticString) -> JSON? {
        if case .object(let object) = self { object.member(key) } else { nil }
    }

    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var array: [JSON]? {
        switch self {
        case .array(let values): values
        case .pairs(let pairs): pairs.values
        default: nil
        }
    }
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }

    /// The integer; a number such as 443.0 counts, because languages without integers write them so.
    public var int: Int? {
        switch self {
        case .int(let value): value
        case .double(let value): Int(exactly: value)
        default: nil
        }
    }

    public var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    /// What this is, for messages to people: "a string", "an object".
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .int: "an integer"
        case .double: "a number"
        case .string: "a string"
        case .array, .pairs: "an array"
        case .object: "an object"
        }
    }

    /// This value as one line of JSON, without the line feed.
    public var encoded: [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }

    /// The same as a tree of its own, for who keeps it longer than the text that it was read from.
    public var detached: JSON {
        switch self {
        case .array(let values): .array(values.map(\.detached))
        case .pairs(let pairs): .array(pairs.values)
        case .object(let object):
            .object(JSONObject(unique: object.members.map { .init(key: $0.key, value: $0.value.detached) }))
        default: self
        }
    }

    /// RFC 7396: what `self` becomes when `patch` is merged into it.
    public func merging(_ patch: JSON) -> JSON {
        guard case .object(let changes) = patch else { return patch }
        let old = object ?? JSONObject()
        let (before, after) = (old.values, changes.values)
        var members: [JSONObject.Member] = []
        for member in old.members where after[member.key] != .null {
            members.append(.init(key: member.key, value: after[member.key].map { member.value.merging($0) } ?? member.value))
        }
        for member in changes.members where before[member.key] == nil && member.value != .null {
            members.append(.init(key: member.key, value: JSON.null.merging(member.value)))
        }
        return .object(JSONObject(unique: members))
    }
}

extension JSON: Hashable {
    public static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.int(let left), .int(let right)): left == right
        case (.double(let left), .double(let right)): left == right
        case (.string(let left), .string(let right)): left == right
        case (.pairs(let left), .pairs(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default:
            if let left = left.array, let right = right.array { left == right } else { false }
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: break
        case .bool(let value): hasher.combine(value)
        case .int(let value): hasher.combine(value)
        case .double(let value): hasher.combine(value)
        case .string(let value): hasher.combine(value)
        case .array(let values): hasher.combine(values.count)
        case .pairs(let pairs): hasher.combine(pairs.count)
        case .object(let object): hasher.combine(object)
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) {
        var object = JSONObject()
        for (key, value) in elements { object[key] = value }
        self = .object(object)
    }
}
