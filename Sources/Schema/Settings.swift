/// The values of all options at one moment; a value not set is the option's default.
public struct Settings: Sendable {
    private var values: [Int: any OptionValue] = [:]

    public init() {}

    public subscript<Value>(_ option: Option<Value>) -> Value {
        get { values[option.index] as? Value ?? option.defaultValue }
        set { values[option.index] = newValue }
    }

    /// Sets an option from the texts of the command line.
    public mutating func set(_ option: any AnyOption, _ texts: [String?]) throws(OptionFailure) {
        values[option.index] = try option.parse(texts)
    }

    public func json(_ option: any AnyOption) -> JSON { values[option.index]?.wireJSON ?? option.defaultJSON }
}
