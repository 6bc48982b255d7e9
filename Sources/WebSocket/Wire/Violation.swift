/// What a peer did that the protocol forbids, and the status code with which its connection is closed.
public struct Violation: Error, Hashable, Sendable {
    public let code: CloseCode
    public let expected: String
    public let found: String

    public init(_ code: CloseCode, expected: String, found: String) {
        self.code = code
        self.expected = expected
        self.found = found
    }

    static func framing(expected: String, found: String) -> Violation {
        Violation(.protocolError, expected: expected, found: found)
    }

    static func tooLarge(_ limit: Int) -> Violation {
        Violation(.tooLarge, expected: "messages of at most \(limit) bytes", found: "a larger one")
    }
}

extension Violation: CustomStringConvertible {
    public var description: String { "expected \(expected), found \(found)" }
}
