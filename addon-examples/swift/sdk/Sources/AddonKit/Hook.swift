/// How bodies are shown to a hook.
public enum Content: Sendable {
    case none, whole, decoded, stream
    case preview(Int)

    var value: JSON {
        if case .preview(let count) = self { ["preview": .integer(count)] } else { .string("\(self)") }
    }
}

/// Returns what changes, the `result` of the specification's section 7: nil for nothing. What it throws is the event's error.
public typealias Handler = @Sendable (Event) async throws -> JSON?

/// Deals with a body in parts, behind the answer to its event. The new body ends when this returns, and breaks off when it throws.
public typealias BodyHandler = @Sendable (Event, Body) async throws -> Void

struct Hook: Sendable {
    let handler: Handler?
    let body: BodyHandler?
}

/// An error with a text for people.
public struct Failure: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// The core's error in answer to a call; `kind` is a word of the specification's section 8.
public struct CallFailure: Error, CustomStringConvertible {
    public let code: Int
    public let kind: String
    public let message: String
    public var description: String { "\(message) (\(kind))" }

    init(_ error: JSON) {
        code = error["code"].int ?? -32603
        kind = error["data", "kind"].string ?? "internal_error"
        message = error["message"].string ?? ""
    }
}
