/// A filter expression: which flows an addon, a view or a command is about. Immutable; any thread may use it.
///
/// The language is mitmproxy's: operators of `FilterOperator.table`, `!`, `&`, `|`, parentheses, and juxtaposition for "and".
/// Deviations: patterns are PCRE2's and see text as UTF-8 bytes; in `~h*`, `~meta` and `~comment`, `$` also matches before CRLF.
public struct Filter: Sendable {
    indirect enum Node: Sendable {
        case all([Node])
        case any([Node])
        case not(Node)
        case claim(FilterOperator)
        case regex(FilterOperator, RegularExpression)
        case integer(FilterOperator, Int)
    }

    /// The longest expression that is parsed, in bytes.
    public static let maximumSize = 16 * 1024

    /// How deep parentheses and `!` may nest.
    public static let maximumNesting = 64

    /// The expression as written.
    public let source: String

    /// Whether the filter can only be decided with the whole body of the request at hand.
    public let needsRequestContent: Bool

    /// Whether the filter can only be decided with the whole body of the response at hand.
    public let needsResponseContent: Bool

    private let root: Node

    /// Parses an expression. `caseSensitive` turns off that regular expressions ignore the case of ASCII letters.
    public init(_ source: String, caseSensitive: Bool = false) throws(FilterError) {
        var parser = try FilterParser(source, options: caseSensitive ? [] : .caseless)
        root = try parser.parse()
        self.source = source
        needsRequestContent = root.content.contains(.request)
        needsResponseContent = root.content.contains(.response)
    }

    /// Whether the expression holds for the flow as it stands.
    public func matches(_ subject: some FilterSubject) -> Bool {
        root.matches(subject, kind: subject.filterKind)
    }
}

extension Filter: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String { source }

    /// The expression with all grouping and all arguments spelled out, for tests and logs.
    public var debugDescription: String { root.outline }
}

extension Filter.Node {
    fileprivate func matches(_ subject: any FilterSubject, kind: FlowKind) -> Bool {
        switch self {
        case .all(let nodes):
            return nodes.allSatisfy { $0.matches(subject, kind: kind) }
        case .any(let nodes):
            return nodes.contains { $0.matches(subject, kind: kind) }
        case .not(let node):
            return !node.matches(subject, kind: kind)
        case .claim(let row):
            guard row.kinds.contains(kind), case .claim(let test) = row.test else { return false }
            return test(subject)
        case .regex(let row, let regex):
            guard row.kinds.contains(kind), case .regex(_, let test) = row.test else { return false }
            return test(subject, regex)
        case .integer(let row, let number):
            guard row.kinds.contains(kind), case .integer(let test) = row.test else { return false }
            return test(subject, number)
        }
    }

    fileprivate var content: FilterOperator.Content {
        switch self {
        case .all(let nodes), .any(let nodes):
            nodes.reduce(into: []) { $0.formUnion($1.content) }
        case .not(let node):
            node.content
        case .claim(let row), .regex(let row, _), .integer(let row, _):
            row.content
        }
    }

    fileprivate var outline: String {
        switch self {
        case .all(let nodes): "(and " + nodes.map(\.outline).joined(separator: " ") + ")"
        case .any(let nodes): "(or " + nodes.map(\.outline).joined(separator: " ") + ")"
        case .not(let node): "(not \(node.outline))"
        case .claim(let row): "~\(row.name)"
        case .regex(let row, let regex): "~\(row.name)='\(regex.pattern)'"
        case .integer(let row, let number): "~\(row.name)=\(number)"
        }
    }
}
