/// What a peer did that the protocol forbids, and the status code with which its connection is closed.
package struct Violation: Error, Hashable, Sendable {
    package let code: CloseCode
    package let expected: String
    package let found: String

    package init(_ code: CloseCode, expected: String, found: String) {
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
    package var description: String { "expected \(expected), found \(found)" }
}
