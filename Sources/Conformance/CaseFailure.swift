/// Why a worker fails a case: what the specification has it do, and what it did.
public struct CaseFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let expected: String
    public let found: String
    /// The section of the specification, where it is another than the case's.
    public let section: Int?

    public init(expected: String, found: String, section: Int? = nil) {
        self.expected = expected
        self.found = Self.shortened(found)
        self.section = section
    }

    public var description: String { "expected \(expected); found \(found)" }

    /// Characters of what came that are shown.
    private static let longest = 300

    static func shortened(_ text: String) -> String { text.count <= longest ? text : text.prefix(longest) + "…" }
}
