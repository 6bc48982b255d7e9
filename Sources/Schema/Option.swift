import Synchronization

/// A setting, without the type of its value.
public protocol AnyOption: AnyObject, Sendable {
    /// The name in `--set`, in the `configure` event and in documents.
    var name: String { get }
    var doc: String { get }
    /// The words that are accepted, if not any.
    var choices: [String] { get }
    var typeName: String { get }
    var defaultText: String { get }
    var index: Int { get }
    var defaultJSON: JSON { get }
    /// Reads the texts given by `--set name=text`, in order; no text means the name alone was given.
    func parse(_ texts: [String?]) throws(OptionFailure) -> any OptionValue
}

/// A value that cannot be read as the option's type: a sentence for people.
public struct OptionFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// A type that an option can have.
public protocol OptionValue: WireValue {
    static var typeName: String { get }
    /// The value of the texts given, in order; nil if they are not of the type.
    static func parse(_ texts: [String?]) -> Self?
    var text: String { get }
}

/// A setting: declared once, as a stored property of an `OptionTable`.
public final class Option<Value: OptionValue>: AnyOption {
    public let name: String
    public let doc: String
    public let choices: [String]
    public let defaultValue: Value
    public let index: Int

    public init(_ name: String, _ defaultValue: Value, choices: [String] = [], _ doc: String) {
        self.name = name
        self.doc = doc
        self.choices = choices
        self.defaultValue = defaultValue
        index = OptionCounter.next.add(1, ordering: .relaxed).oldValue
    }

    public var typeName: String { Value.typeName }
    public var defaultText: String { defaultValue.text }
    public var defaultJSON: JSON { defaultValue.wireJSON }

    public func parse(_ texts: [String?]) throws(OptionFailure) -> any OptionValue {
        let given = texts.map { $0 ?? "" }.joined(separator: ", ")
        guard let value = Value.parse(texts) else {
            throw OptionFailure("option \(name): expected \(Value.typeName), found '\(given)'")
        }
        if !choices.isEmpty, !choices.contains(value.text) {
            throw OptionFailure("option \(name): expected one of \(choices.joined(separator: ", ")), found '\(value.text)'")
        }
        return value
    }
}

private enum OptionCounter {
    static let next = Atomic(0)
}

/// A struct whose stored properties are options.
public protocol OptionTable: Sendable {
    init()
}

extension OptionTable {
    public var options: [any AnyOption] { Mirror(reflecting: self).children.compactMap { $0.value as? any AnyOption } }
}

extension Bool: OptionValue {
    public static var typeName: String { "bool" }
    public static func parse(_ texts: [String?]) -> Bool? {
        switch texts.last ?? nil {
        case nil, "true": true
        case "false": false
        default: nil
        }
    }
    public var text: String { self ? "true" : "false" }
}

extension Int: OptionValue {
    public static var typeName: String { "int" }
    public static func parse(_ texts: [String?]) -> Int? { (texts.last ?? nil).flatMap { Int($0) } }
    public var text: String { String(self) }
}

extension Double: OptionValue {
    public static var typeName: String { "number" }
    public static func parse(_ texts: [String?]) -> Double? {
        (texts.last ?? nil).flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil }
    }
    public var text: String { self == rounded() ? String(Int(self)) : description }
}

extension String: OptionValue {
    public static var typeName: String { "str" }
    public static func parse(_ texts: [String?]) -> String? { texts.last ?? nil }
    public var text: String { self }
}

extension Optional: OptionValue where Wrapped: OptionValue {
    public static var typeName: String { "optional \(Wrapped.typeName)" }
    public static func parse(_ texts: [String?]) -> Wrapped?? {
        if texts.last == .some(nil) || texts.last == "" { return .some(nil) }
        return Wrapped.parse(texts).map { .some($0) }
    }
    public var text: String { self?.text ?? "" }
}

extension Array: OptionValue where Element == String {
    public static var typeName: String { "sequence of str" }
    public static func parse(_ texts: [String?]) -> [String]? { texts.compactMap { $0 } }
    public var text: String { joined(separator: ", ") }
}
