/// One of the two messages of an HTTP flow.
package enum MessageSide: String, Sendable, CaseIterable {
    case request, response
}

/// The ways of a flow's two bodies, as far as they are known yet. Confined to the session's loop.
package final class FlowBodies: @unchecked Sendable {
    package var request: BodyPath?
    package var response: BodyPath?

    /// Where they are held, if they are.
    package let store: BodyStore

    package init(_ store: BodyStore) { self.store = store }

    package subscript(_ side: MessageSide) -> BodyPath? {
        switch side {
        case .request: request
        case .response: response
        }
    }

    /// The exchange is over: whoever still works on a body is told.
    package func end() {
        request?.end()
        response?.end()
    }
}
