/// Why a flow file cannot be read any further: where, what was expected and what was found.
public struct FlowFileFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// Bytes from the start of the file to what is wrong.
    public let offset: Int
    public let expected: String
    public let found: String

    public init(at offset: Int, expected: String, found: String) {
        self.offset = offset
        self.expected = expected
        self.found = found
    }

    public var description: String { "at byte \(offset): expected \(expected), found \(found)" }
}
