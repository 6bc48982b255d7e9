/// A value that somebody gives to an option by its name.
public struct OptionAssignment: Sendable {
    enum Value: Sendable {
        case texts([String])
        case json(JSON)
    }

    public let name: String
    /// Where it was given, for messages: `--set`, or a file and a line.
    public let source: String
    let value: Value

    /// The value, if it came with a type.
    public var json: JSON? { if case .json(let json) = value { json } else { nil } }

    public init(_ name: String, texts: [String], source: String) {
        (self.name, self.source, value) = (name, source, .texts(texts))
    }

    public init(_ name: String, json: JSON, source: String) {
        (self.name, self.source, value) = (name, source, .json(json))
    }

    /// `NAME[=VALUE]` texts, those of one name together, at the place of the first.
    public static func grouped(_ specs: [String], source: String) -> [OptionAssignment] {
        var names: [String] = []
        var texts: [String: [String]] = [:]
        for spec in specs {
            let parts = spec.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = parts.first ?? ""
            if texts[name] == nil { names.append(name) }
            texts[name, default: []] += parts.dropFirst()
        }
        return names.map { OptionAssignment($0, texts: texts[$0] ?? [], source: source) }
    }

    func apply(to option: any AnyOption, _ settings: inout Settings) throws(OptionFailure) {
        do throws(OptionFailure) {
            switch value {
            case .texts(let texts): try settings.set(option, texts)
            case .json(let json): try settings.set(option, json)
            }
        } catch {
            throw OptionFailure("\(source): \(error)")
        }
    }
}
