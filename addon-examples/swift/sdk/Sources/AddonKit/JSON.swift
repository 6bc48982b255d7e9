/// A value as it stands in a line. Integers stay integers, and members keep their order.
public enum JSON: Sendable, Hashable, ExpressibleByNilLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    public struct Member: Sendable, Hashable {
        public var name: String
        public var value: JSON
    }

    public var string: String? { if case .string(let text) = self { text } else { nil } }
    public var int: Int? { if case .integer(let number) = self { number } else { nil } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var double: Double? { if case .number(let number) = self { number } else { int.map(Double.init) } }
    public var array: [JSON]? { if case .array(let list) = self { list } else { nil } }
    public var members: [Member]? { if case .object(let members) = self { members } else { nil } }

    /// Whether there is such a member, null or not.
    public func has(_ name: String) -> Bool { members?.contains { $0.name == name } ?? false }

    /// The member at the end of a path, null if there is none; setting one makes the objects on its way.
    public subscript(_ path: String...) -> JSON {
        get { path.reduce(self) { value, name in value.members?.first { $0.name == name }?.value ?? .null } }
        set { set(path[...], newValue) }
    }

    private mutating func set(_ path: ArraySlice<String>, _ value: JSON) {
        guard let name = path.first else { return self = value }
        var members = members ?? []
        self = .null  // one reference, so that the list is changed in place
        let index = members.firstIndex { $0.name == name } ?? members.endIndex
        if index == members.endIndex { members.append(Member(name: name, value: .null)) }
        members[index].value.set(path.dropFirst(), value)
        self = .object(members)
    }

    // MARK: As literals

    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .number(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { Member(name: $0.0, value: $0.1) })
    }
}
