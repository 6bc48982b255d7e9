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

/// The members of a JSON object in their written order; names are unique.
public struct JSONObject: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// One name and its value.
    public struct Member: Sendable, Hashable {
        public let key: String
        public var value: JSON

        public init(key: String, value: JSON) {
            self.key = key
            self.value = value
        }
    }

    public private(set) var members: [Member] = []

    public init() {}

    public init(dictionaryLiteral elements: (String, JSON)...) {
        for (key, value) in elements { self[key] = value }
    }

    /// Members whose names the caller knows to be unique.
    public init(unique members: [Member]) { self.members = members }

    public subscript(_ key: String) -> JSON? {
        get { members.first { $0.key == key }?.value }
        set {
            let index = members.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    /// The values by their names, for work on all of them: a search for each costs the square of their number.
    fileprivate var values: [String: JSON] {
        Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// Equal if the same names have equal values, in any order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.members.count == right.members.count else { return false }
        guard left.members.count > 8 else { return left.members.allSatisfy { right[$0.key] == $0.value } }
        let values = right.values
        return left.members.allSatisfy { values[$0.key] == $0.value }
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(members.count) }
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
