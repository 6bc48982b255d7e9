/// A value as a flow file holds it, before anybody knows what it means.
public enum SavedValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case bytes([UInt8])
    case text(String)
    case list([SavedValue])
    case dict(SavedDict)

    public var dict: SavedDict? { if case .dict(let dict) = self { dict } else { nil } }
    public var list: [SavedValue]? { if case .list(let values) = self { values } else { nil } }

    /// The text; files of Python 2 wrote texts as bytes.
    public var string: String? {
        switch self {
        case .text(let text): text
        case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
        default: nil
        }
    }

    /// What Python takes for false.
    public var isEmpty: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .int(let value): value == 0
        case .double(let value): value == 0
        case .bytes(let bytes): bytes.isEmpty
        case .text(let text): text.isEmpty
        case .list(let values): values.isEmpty
        case .dict(let dict): dict.members.isEmpty
        }
    }
}

/// The members of a dictionary in their order; names are unique.
public struct SavedDict: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    public struct Member: Sendable, Equatable {
        public let key: String
        public var value: SavedValue
    }

    public private(set) var members: [Member] = []

    public init() {}

    public init(dictionaryLiteral elements: (String, SavedValue)...) {
        for (key, value) in elements { self[key] = value }
    }

    public subscript(_ key: String) -> SavedValue? {
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

    public static func == (left: SavedDict, right: SavedDict) -> Bool {
        left.members.count == right.members.count && left.members.allSatisfy { right[$0.key] == $0.value }
    }
}
