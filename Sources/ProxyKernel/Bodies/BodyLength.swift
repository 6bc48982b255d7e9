/// What is known of a body that is about to be sent.
public enum BodyLength: Hashable, Sendable {
    case none
    case exact(Int)
    case unknown

    /// The length in bytes, if it is known.
    public var count: Int? { if case .exact(let count) = self { count } else { nil } }
}
