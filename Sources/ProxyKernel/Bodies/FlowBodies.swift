import Schema

/// One of the two messages of an HTTP flow.
package enum MessageSide: String, Sendable {
    case request, response
}

/// The ways of a flow's two bodies, as far as they are known yet. Confined to the session's loop.
package final class FlowBodies: @unchecked Sendable {
    package var request: BodyPath?
    package var response: BodyPath?

    /// Bytes of a body that may be held.
    package let limit: Int

    package init(_ settings: Settings) { limit = settings[ProxyOptions.table.bodyBufferLimit] }

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
