/// Why a call of a running core gave no result: a sentence for people.
public enum CoreClientFailure: Error, Sendable, Equatable {
    /// No core can be reached at the socket, or it went away.
    case connection(String)
    /// The core did not grant the permission that the call needs.
    case denied(String)
    /// The core refused the call, with a code of the specification.
    case refused(code: Int, message: String)
}

extension CoreClientFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .connection(let text), .denied(let text), .refused(_, let text): text
        }
    }
}
