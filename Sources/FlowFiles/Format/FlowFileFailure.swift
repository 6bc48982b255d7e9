/// Why a flow file cannot be read any further: where, what was expected and what was found.
package struct FlowFileFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// Bytes from the start of the file to what is wrong.
    package let offset: Int
    package let expected: String
    package let found: String

    package init(at offset: Int, expected: String, found: String) {
        self.offset = offset
        self.expected = expected
        self.found = found
    }

    package var description: String { "at byte \(offset): expected \(expected), found \(found)" }
}
