/// The values of all options at one moment; a value not set is the option's default.
public struct Settings: Sendable {
    private var values: [Int: any OptionValue] = [:]

    public init() {}

    public subscript<Value>(_ option: Option<Value>) -> Value {
        get {
            // Most are not set, and a cast is dear even then.
            guard let value = values[option.index] else { return option.defaultValue }
            return value as? Value ?? option.defaultValue
        }
        set { values[option.index] = newValue }
    }

    /// Sets an option from the texts of the command line.
    public mutating func set(_ option: any AnyOption, _ texts: [String]) throws(OptionFailure) {
        values[option.index] = try option.parse(texts, current: values[option.index])
    }

    /// Sets an option from a value of the configuration file, or from a worker's.
    public mutating func set(_ option: any AnyOption, _ json: JSON) throws(OptionFailure) {
        values[option.index] = try option.read(json)
    }

    /// These values, with those of `other` in the place of the options that it sets.
    public func overlaid(with other: Settings) -> Settings {
        var result = self
        result.values.merge(other.values) { $1 }
        return result
    }

    public func json(_ option: any AnyOption) -> JSON { values[option.index]?.wireJSON ?? option.defaultJSON }
    /// The value for people.
    public func text(_ option: any AnyOption) -> String { values[option.index]?.text ?? option.defaultText }
}
