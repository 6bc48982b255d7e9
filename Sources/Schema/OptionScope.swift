/// Options that may be given for one subject alone, by names such as `addons.NAME.timeout`.
public struct OptionScope: Sendable {
    /// The first word of such a name.
    public let word: String
    /// By the last word.
    private let options: [String: any AnyOption]

    /// A scope of options; each has its short name.
    public init(_ word: String = "", _ options: [(name: String, option: any AnyOption)] = []) {
        self.word = word
        self.options = Dictionary(options.map { ($0.name, $0.option) }) { first, _ in first }
    }

    /// The subject and the option that an assignment names; nil if its name is of no such form.
    func resolve(_ assignment: OptionAssignment) throws(OptionFailure) -> (subject: String, option: any AnyOption)? {
        guard !word.isEmpty, assignment.name.hasPrefix(word + ".") else { return nil }
        let rest = assignment.name.dropFirst(word.count + 1)
        guard let dot = rest.lastIndex(of: "."), dot > rest.startIndex else {
            throw OptionFailure("\(assignment.source): expected \(word).NAME.OPTION, found '\(assignment.name)'")
        }
        guard let option = options[String(rest[rest.index(after: dot)...])] else {
            throw OptionFailure(
                "\(assignment.source): '\(assignment.name)': expected one of \(options.keys.sorted().joined(separator: ", "))")
        }
        return (String(rest[..<dot]), option)
    }
}
