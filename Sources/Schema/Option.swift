import Synchronization

/// A setting, without the type of its value.
public protocol AnyOption: AnyObject, Sendable {
    /// The name in `--set`, in the `configure` event and in documents.
    var name: String { get }
    var doc: String { get }
    /// The words that are accepted, if not any.
    var choices: [String] { get }
    var typeName: String { get }
    var reading: OptionReading { get }
    /// The value is nobody's business but the core's: workers that are not trusted are shown the default instead.
    var isSecret: Bool { get }
    var defaultText: String { get }
    var index: Int { get }
    var defaultJSON: JSON { get }
    /// Reads the texts given by `--set name=text`, in order; none means that the name alone was given.
    func parse(_ texts: [String], current: (any OptionValue)?) throws(OptionFailure) -> any OptionValue
    /// Reads a value that has a type already: from the configuration file or a worker.
    func read(_ json: JSON) throws(OptionFailure) -> any OptionValue
}

/// When an option's value is looked at, which decides whether it may be changed while the proxy runs.
public enum OptionReading: Sendable {
    /// Once. A change would do nothing, and so is refused.
    case atStart
    /// For each connection or flow anew.
    case whenUsed

    /// For documents.
    public var text: String { self == .atStart ? "at start" : "when used" }
}

/// A value that cannot be read as the option's type: a sentence for people.
public struct OptionFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// A setting: declared once, as a stored property of an `OptionTable`, or by a worker while the proxy runs.
public final class Option<Value: OptionValue>: AnyOption {
    public let name: String
    public let doc: String
    public let choices: [String]
    public let reading: OptionReading
    public let isSecret: Bool
    public let defaultValue: Value
    public let index: Int
    /// Says what is wrong with a value of the right type, if something is.
    private let objection: @Sendable (Value) -> String?

    public init(
        _ name: String, _ defaultValue: Value, choices: [String] = [], read reading: OptionReading = .atStart,
        isSecret: Bool = false,
        objection: @escaping @Sendable (Value) -> String? = { _ in nil }, _ doc: String
    ) {
        self.name = name
        self.doc = doc
        self.choices = choices
        self.reading = reading
        self.isSecret = isSecret
        self.defaultValue = defaultValue
        self.objection = objection
        index = OptionCounter.next.add(1, ordering: .relaxed).oldValue
    }

    public var typeName: String { Value.typeName }
    public var defaultText: String { defaultValue.text }
    public var defaultJSON: JSON { defaultValue.wireJSON }

    public func parse(_ texts: [String], current: (any OptionValue)?) throws(OptionFailure) -> any OptionValue {
        guard texts.count < 2 || Value.isSequence else {
            throw OptionFailure("option \(name): expected one \(Value.typeName), found \(texts.count): \(Self.quoted(texts))")
        }
        guard let value = Value.parse(texts, current: current as? Value ?? defaultValue) else {
            throw OptionFailure("option \(name): expected \(expectation), found \(Self.quoted(texts))")
        }
        return try checked(value)
    }

    public func read(_ json: JSON) throws(OptionFailure) -> any OptionValue {
        guard let value = try? Value.read(json, at: name) else {
            throw OptionFailure("option \(name): expected \(expectation), found \(json.kind), \(Self.excerpt(json))")
        }
        return try checked(value)
    }

    private func checked(_ value: Value) throws(OptionFailure) -> Value {
        if !choices.isEmpty, let word = value.words.first(where: { !choices.contains($0) }) {
            throw OptionFailure("option \(name): expected \(expectation), found '\(word)'")
        }
        if let objection = objection(value) { throw OptionFailure("option \(name): \(objection)") }
        return value
    }

    private var expectation: String { choices.isEmpty ? Value.typeName : "one of \(choices.joined(separator: ", "))" }

    private static func quoted(_ texts: [String]) -> String {
        texts.isEmpty ? "no value" : texts.map { "'\($0)'" }.joined(separator: ", ")
    }

    private static func excerpt(_ json: JSON) -> String {
        let text = String(decoding: json.encoded, as: UTF8.self)
        return text.count > 60 ? text.prefix(60) + "…" : text
    }
}

/// An option's objection to values outside a range.
public func outside<Number: Comparable & Sendable>(_ range: ClosedRange<Number>) -> @Sendable (Number) -> String? {
    { range.contains($0) ? nil : "expected \(range.lowerBound) to \(range.upperBound), found \($0)" }
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
