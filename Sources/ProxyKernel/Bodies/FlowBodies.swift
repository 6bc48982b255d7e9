/// One of the two messages of an HTTP flow.
public enum MessageSide: String, Sendable, CaseIterable {
    case request, response
}

/// The ways of a flow's two bodies, as far as they are known yet. Confined to the session's loop.
public final class FlowBodies: @unchecked Sendable {
    public var request: BodyPath?
    public var response: BodyPath?

    /// Where they are held, if they are.
    public let store: BodyStore

    public init(_ store: BodyStore) { self.store = store }

    public subscript(_ side: MessageSide) -> BodyPath? {
        switch side {
        case .request: request
        case .response: response
        }
    }

    /// The exchange is over: whoever still works on a body is told.
    public func end() {
        request?.end()
        response?.end()
    }
}
