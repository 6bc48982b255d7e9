import FlowModel
import Schema

/// What is hidden from an addon, as `addon_hide` says it.
struct HiddenRules: Sendable, Equatable {
    static let grammar = "none, standard, a header's name or header:NAME, body, json:NAME, json:/POINTER, form:NAME or query:NAME"
    /// What an untrusted addon is not shown if nothing else is said.
    static let credentials = ["authorization", "proxy-authorization", "cookie", "set-cookie"]

    /// In lower case.
    var headers: Set<String> = []
    var hidesBodies = false
    /// Members of JSON, at any depth.
    var members: Set<[UInt8]> = []
    /// Places in JSON, RFC 6901, by their tokens.
    var pointers: Set<[[UInt8]]> = []
    var formFields: Set<[UInt8]> = []
    var parameters: Set<[UInt8]> = []
    /// The rules as they were said, for people and for `initialized`.
    private(set) var words: [String] = []

    /// `standard` hides credentials where `isStandard`. Throws the word that is none, with what is expected.
    init(_ rules: [String], hidesCredentials: Bool) throws(AddonFailure) {
        for rule in rules {
            switch rule {
            case "none": break
            case "standard":
                guard hidesCredentials else { break }
                for name in Self.credentials { try add("header:\(name)") }
            default: try add(rule)
            }
        }
    }

    var isEmpty: Bool { words.isEmpty }

    /// Whether something may be hidden in contents.
    var concernBodies: Bool { hidesBodies || !members.isEmpty || !pointers.isEmpty || !formFields.isEmpty }
    var concernJSON: Bool { !members.isEmpty || !pointers.isEmpty }

    private mutating func add(_ rule: String) throws(AddonFailure) {
        let parts = rule.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let name = parts.count == 2 ? parts[1] : parts[0]
        var word = rule
        switch (parts.count, parts[0]) {
        case (1, "body"): hidesBodies = true
        case (1, _), (2, "header"):
            guard Headers.isName(ByteString(name)) else { throw Self.failure(rule) }
            headers.insert(name.lowercased())
            word = "header:\(name.lowercased())"
        case (2, "json") where name.hasPrefix("/"):
            pointers.insert(
                name.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map {
                    Array($0.replacing("~1", with: "/").replacing("~0", with: "~").utf8)
                })
        case (2, "json") where !name.isEmpty: members.insert(Array(name.utf8))
        case (2, "form") where !name.isEmpty: formFields.insert(Array(name.utf8))
        case (2, "query") where !name.isEmpty: parameters.insert(Array(name.utf8))
        default: throw Self.failure(rule)
        }
        if !words.contains(word) { words.append(word) }
    }

    private static func failure(_ rule: String) -> AddonFailure {
        AddonFailure("addon_hide: expected \(grammar), found '\(rule)'")
    }
}
