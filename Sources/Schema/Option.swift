import Synchronization

/// A setting, without the type of its value.
package protocol AnyOption: AnyObject, Sendable {
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
package struct OptionFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// A type that an option can have.
package protocol OptionValue: WireValue {
    static var typeName: String { get }
    /// The value of the texts given, in order; nil if they are not of the type.
    static func parse(_ texts: [String?]) -> Self?
    var text: String { get }
}

/// A setting: declared once, as a stored property of an `OptionTable`.
package final class Option<Value: OptionValue>: AnyOption {
    package let name: String
    package let doc: String
    package let choices: [String]
    package let defaultValue: Value
    package let index: Int

    package init(_ name: String, _ defaultValue: Value, choices: [String] = [], _ doc: String) {
        self.name = name
        self.doc = doc
        self.choices = choices
        self.defaultValue = defaultValue
        index = OptionCounter.next.add(1, ordering: .relaxed).oldValue
    }

    package var typeName: String { Value.typeName }
    package var defaultText: String { defaultValue.text }
    package var defaultJSON: JSON { defaultValue.json }

    package func parse(_ texts: [String?]) throws(OptionFailure) -> any OptionValue {
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
package protocol OptionTable: Sendable {
    init()
}

extension OptionTable {
    package var options: [any AnyOption] { Mirror(reflecting: self).children.compactMap { $0.value as? any AnyOption } }
}

extension OptionValue {
    package var json: JSON {
        var writer = JSONWriter(capacity: 64)
        write(to: &writer)
        // What a row writes is valid JSON, so reading it back cannot fail.
        return (try? JSONReader().read(writer.bytes)) ?? .null
    }
}

extension Bool: OptionValue {
    package static var typeName: String { "bool" }
    package static func parse(_ texts: [String?]) -> Bool? {
        switch texts.last ?? nil {
        case nil, "true": true
        case "false": false
        default: nil
        }
    }
    package var text: String { self ? "true" : "false" }
}

extension Int: OptionValue {
    package static var typeName: String { "int" }
    package static func parse(_ texts: [String?]) -> Int? { (texts.last ?? nil).flatMap { Int($0) } }
    package var text: String { String(self) }
}

extension Double: OptionValue {
    package static var typeName: String { "number" }
    package static func parse(_ texts: [String?]) -> Double? {
        (texts.last ?? nil).flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil }
    }
    package var text: String { self == rounded() ? String(Int(self)) : description }
}

extension String: OptionValue {
    package static var typeName: String { "str" }
    package static func parse(_ texts: [String?]) -> String? { texts.last ?? nil }
    package var text: String { self }
}

extension Optional: OptionValue where Wrapped: OptionValue {
    package static var typeName: String { "optional \(Wrapped.typeName)" }
    package static func parse(_ texts: [String?]) -> Wrapped?? {
        if texts.last == .some(nil) || texts.last == "" { return .some(nil) }
        return Wrapped.parse(texts).map { .some($0) }
    }
    package var text: String { self?.text ?? "" }
}

extension Array: OptionValue where Element == String {
    package static var typeName: String { "sequence of str" }
    package static func parse(_ texts: [String?]) -> [String]? { texts.compactMap { $0 } }
    package var text: String { joined(separator: ", ") }
}
