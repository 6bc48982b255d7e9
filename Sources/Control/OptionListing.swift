import Schema

/// Options as text for people.
public enum OptionListing {
    /// What `--options` prints: every option as a line of `config.yaml`, its meaning and its type in comments before it.
    public static func yaml(_ options: [any AnyOption], _ settings: Settings) -> String {
        options.sorted { $0.name < $1.name }.map { option in
            let choices = option.choices.isEmpty ? "" : " Valid values: \(option.choices.joined(separator: ", "))."
            let comment = wrapped("\(option.doc)\(choices) Type \(option.typeName); read \(option.reading.text).", to: 110)
                .map { "# \($0)\n" }.joined()
            return "\(comment)\(option.name):\(value(settings.json(option)))\n"
        }.joined(separator: "\n")
    }

    /// Every option with its type, default and meaning, for `--help`.
    public static func help(_ options: [any AnyOption]) -> String {
        options.map { option in
            let choices = option.choices.isEmpty ? "" : " (\(option.choices.joined(separator: "|")))"
            return "  \(option.name): \(option.typeName)\(choices), default '\(option.defaultText)'\n      \(option.doc)"
        }.joined(separator: "\n")
    }

    /// JSON's strings and numbers are YAML's too.
    private static func value(_ json: JSON) -> String {
        switch json {
        case .array(let elements) where !elements.isEmpty:
            elements.map { "\n- \(String(decoding: $0.encoded, as: UTF8.self))" }.joined()
        default: " \(String(decoding: json.encoded, as: UTF8.self))"
        }
    }

    private static func wrapped(_ text: String, to width: Int) -> [String] {
        var lines = [""]
        for word in text.split(whereSeparator: \.isWhitespace) {
            let last = lines[lines.count - 1]
            if last.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if last.count + word.count < width {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
