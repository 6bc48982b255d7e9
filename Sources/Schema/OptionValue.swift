/// A type that an option can have.
public protocol OptionValue: WireValue {
    static var typeName: String { get }
    /// Whether the option may be given several times, each adding an element.
    static var isSequence: Bool { get }
    /// The value of the texts given by `--set name=text`, in order; none means that the name alone was given. Nil if they are not
    /// of the type. `current` is the value until now, for those whose texts refer to it.
    static func parse(_ texts: [String], current: Self?) -> Self?
    /// The value for people.
    var text: String { get }
    /// What choices apply to: the value's own text, or that of each of its elements.
    var words: [String] { get }
}

extension OptionValue {
    public static var isSequence: Bool { false }
    public var words: [String] { [text] }
}

extension Bool: OptionValue {
    public static var typeName: String { "bool" }
    public static func parse(_ texts: [String], current: Bool?) -> Bool? {
        switch texts.last {
        case nil, "", "true": true
        case "false": false
        case "toggle": !(current ?? false)
        default: nil
        }
    }
    public var text: String { self ? "true" : "false" }
}

extension Int: OptionValue {
    public static var typeName: String { "int" }
    public static func parse(_ texts: [String], current: Int?) -> Int? {
        // What is beyond could not be told to workers whose numbers are doubles.
        texts.last.flatMap { Int($0) }.flatMap { abs(Double($0)) <= 9_007_199_254_740_992 ? $0 : nil }
    }
    public var text: String { String(self) }
}

extension Double: OptionValue {
    public static var typeName: String { "number" }
    public static func parse(_ texts: [String], current: Double?) -> Double? {
        texts.last.flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil }
    }
    public var text: String { Int(exactly: self).map { String($0) } ?? description }
}

extension String: OptionValue {
    public static var typeName: String { "str" }
    public static func parse(_ texts: [String], current: String?) -> String? { texts.last }
    public var text: String { self }
}

extension Optional: OptionValue where Wrapped: OptionValue {
    public static var typeName: String { "optional \(Wrapped.typeName)" }
    public static func parse(_ texts: [String], current: Wrapped??) -> Wrapped?? {
        guard let text = texts.last, !text.isEmpty else { return .some(nil) }
        return Wrapped.parse([text], current: current ?? nil).map { .some($0) }
    }
    public var text: String { self?.text ?? "" }
    public var words: [String] { self?.words ?? [] }
}

extension Array: OptionValue where Element == String {
    public static var typeName: String { "sequence of str" }
    public static var isSequence: Bool { true }
    public static func parse(_ texts: [String], current: [String]?) -> [String]? { texts }
    public var text: String { joined(separator: ", ") }
    public var words: [String] { self }
}
