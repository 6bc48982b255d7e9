/// Why a worker fails a case: what the specification has it do, and what it did.
package struct CaseFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package let expected: String
    package let found: String
    /// The section of the specification, where it is another than the case's.
    package let section: Int?

    package init(expected: String, found: String, section: Int? = nil) {
        self.expected = expected
        self.found = Self.shortened(found)
        self.section = section
    }

    package var description: String { "expected \(expected); found \(found)" }

    /// Characters of what came that are shown.
    private static let longest = 300

    static func shortened(_ text: String) -> String { text.count <= longest ? text : text.prefix(longest) + "…" }
}
