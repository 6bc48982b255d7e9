/// Why a filter expression was refused; the fault of whoever wrote the expression.
public struct FilterError: Error, Sendable, Equatable {
    /// What is wrong, in one line without the position.
    public let message: String

    /// Position of the culprit, in characters from the start of `expression`; equal to its length when the end came too early.
    public let offset: Int

    /// The text that was refused; for a regular expression compiled on its own, the pattern.
    public let expression: String

    public init(_ message: String, offset: Int, in expression: String) {
        self.message = message
        self.offset = offset
        self.expression = expression
    }
}

extension FilterError: CustomStringConvertible {
    /// Three lines: the message, the expression, a caret under the culprit. Only the surroundings of a long expression are shown.
    public var description: String {
        let characters = Array(expression)
        let start = max(0, offset - Self.shownBefore)
        let end = min(characters.count, offset + Self.shownAfter)
        // Line breaks and tabs would tear the caret from what it points at.
        let shown = characters[start..<end].map { $0.isWhitespace ? " " : $0 }
        let prefix = start > 0 ? "…" : ""
        let suffix = end < characters.count ? "…" : ""
        let indent = String(repeating: " ", count: prefix.count + offset - start)
        return "\(message)\n  \(prefix)\(String(shown))\(suffix)\n  \(indent)^"
    }

    private static let shownBefore = 60
    private static let shownAfter = 40
}
