import FlowModel
import Schema

/// Which paths of the state an addon may change, as `addon_changes` says it: the rule with the longest path decides, of equal ones the last.
struct ChangeRules: Sendable {
    static let grammar =
        "all, a path such as flow.response.headers, a header such as flow.request.headers[x-name], or one of them behind -"
    /// In an answer, beside the state.
    static let kill = "kill"
    /// Where a request goes. Who must not see something must not have it sent to himself either.
    static let destination = [
        "flow.request.host", "flow.request.port", "flow.request.scheme", "flow.request.authority", "flow.request.via",
        "flow.server_conn",
        "server_conn.address",
    ]

    /// What holds a flow for as long as nobody lets it go on.
    static let standstill = ["flow.intercepted"]

    private struct Rule: Sendable {
        let path: [String]
        /// In lower case.
        let header: String?
        let allows: Bool
    }

    private let rules: [Rule]
    /// Whether everything may be changed, so that nothing has to be looked at.
    let isUnlimited: Bool

    /// Throws with the word that is no rule. `records` are those of all events; `guarded` paths are only granted by their own names.
    init(_ words: [String], guarding guarded: [String], of records: [RecordShape]) throws(AddonFailure) {
        var rules: [Rule] = []
        // Nothing but exceptions, or nothing at all, is everything else.
        if words.allSatisfy({ $0.hasPrefix("-") }) { rules.append(Rule(path: [], header: nil, allows: true)) }
        for path in guarded { rules.append(Rule(path: Self.parts(path), header: nil, allows: false)) }
        for word in words { rules.append(try Self.rule(word, records)) }
        self.rules = rules
        isUnlimited = rules.allSatisfy { $0.path.isEmpty && $0.allows } && !rules.isEmpty
    }

    private static func rule(_ word: String, _ records: [RecordShape]) throws(AddonFailure) -> Rule {
        let allows = !word.hasPrefix("-")
        var path = String(allows ? word[...] : word.dropFirst())
        if path == "all" { return Rule(path: [], header: nil, allows: allows) }
        if path == kill { return Rule(path: [kill], header: nil, allows: allows) }
        var header: String?
        if path.hasSuffix("]"), let open = path.lastIndex(of: "[") {
            let name = path[path.index(after: open)...].dropLast()
            path = String(path[..<open])
            let isSection = [".headers", ".trailers"].contains { path.hasSuffix($0) }
            guard isSection, Headers.isName(ByteString(String(name))) else { throw failure(word) }
            header = name.lowercased()
        }
        guard records.contains(where: { $0.hasMember(at: path) }) else { throw failure(word) }
        return Rule(path: parts(path), header: header, allows: allows)
    }

    private static func failure(_ word: String) -> AddonFailure {
        AddonFailure("addon_changes: expected \(grammar), found '\(word)'")
    }

    private static func parts(_ path: String) -> [String] { path.split(separator: ".").map(String.init) }

    /// Whether the whole of what stands at a path may be changed.
    func allows(_ path: String) -> Bool {
        if isUnlimited { return true }
        let path = Self.parts(path)
        guard decided(path, nil) else { return false }
        return rules.allSatisfy { rule in
            let isWithin = rule.path.starts(with: path) && (rule.path.count > path.count || rule.header != nil)
            return rule.allows || !isWithin || rule.header.map { decided(rule.path, $0) } ?? decided(rule.path, nil)
        }
    }

    /// Refuses changes at these paths, which make the new flow of the old one, if they may not be made.
    func check(_ paths: [String], from old: HTTPFlow?, to new: @autoclosure () -> HTTPFlow?) throws(StateRefusal) {
        for path in paths where !allows(path) {
            guard let before = old?.fields(at: path), let after = new()?.fields(at: path) else { throw Self.refusal(path) }
            let section = Self.parts(path)
            func kept(_ headers: Headers) -> [[ByteString]] {
                headers.filter { !decided(section, $0.name.string.lowercased()) }.map { [$0.name, $0.value] }
            }
            let (left, right) = (kept(before), kept(after))
            guard left != right else { continue }
            // A line that went or came, or one of several that are alike. By sets, since an answer may have very many.
            let (those, these) = (Set(left), Set(right))
            let line =
                left.first { !these.contains($0) } ?? right.first { !those.contains($0) } ?? zip(left, right).first { $0 != $1 }?
                .1
                ?? right.dropFirst(left.count).first ?? left.dropFirst(right.count).first
            throw Self.refusal("\(path)[\(line?.first?.string.lowercased() ?? "")]")
        }
    }

    static func refusal(_ path: String) -> StateRefusal {
        StateRefusal(.denied, at: path, "it was not granted this change")
    }

    private func decided(_ path: [String], _ header: String?) -> Bool {
        var verdict = (length: -1, allows: false)
        for rule in rules where path.starts(with: rule.path) && (rule.header == nil || rule.header == header && rule.path == path)
        {
            let length = rule.path.count * 2 + (rule.header == nil ? 0 : 1)
            if length >= verdict.length { verdict = (length, rule.allows) }
        }
        return verdict.allows
    }
}

extension HTTPFlow {
    /// The section of fields that stands at a path of an event; nil if none does.
    fileprivate func fields(at path: String) -> Headers? {
        switch path {
        case "flow.request.headers": request.headers
        case "flow.response.headers": response?.headers
        case "flow.request.trailers": request.trailers ?? Headers()
        case "flow.response.trailers": response.map { $0.trailers ?? Headers() }
        default: nil
        }
    }
}

extension RecordShape {
    /// Whether a path names a member of the record, or of one within it.
    func hasMember(at path: String) -> Bool {
        var selection = Selection()
        return (try? selection.add(path, of: self)) != nil
    }
}
