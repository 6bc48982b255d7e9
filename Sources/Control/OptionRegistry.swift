import Schema

/// Every option there is, by name.
package struct OptionRegistry: Sendable {
    package let options: [any AnyOption]

    package init(_ tables: [any OptionTable]) { options = tables.flatMap(\.options) }

    /// Applies `--set NAME[=VALUE]` texts in their order; those of one name together.
    package func apply(_ assignments: [String], to settings: inout Settings) throws(OptionFailure) {
        var texts: [(name: String, values: [String?])] = []
        for assignment in assignments {
            let parts = assignment.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = parts.first ?? ""
            let value = parts.count > 1 ? parts[1] : nil
            if let index = texts.firstIndex(where: { $0.name == name }) {
                texts[index].values.append(value)
            } else {
                texts.append((name, [value]))
            }
        }
        for (name, values) in texts {
            guard let option = options.first(where: { $0.name == name }) else {
                throw OptionFailure("unknown option '\(name)'; --help lists them")
            }
            try settings.set(option, values)
        }
    }

    /// Every option with its type, default and meaning, for `--help`.
    package var help: String {
        options.map { option in
            let choices = option.choices.isEmpty ? "" : " (\(option.choices.joined(separator: "|")))"
            return "  \(option.name): \(option.typeName)\(choices), default '\(option.defaultText)'\n      \(option.doc)"
        }.joined(separator: "\n")
    }
}
