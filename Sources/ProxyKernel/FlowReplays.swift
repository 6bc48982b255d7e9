import FlowModel

/// Sends requests of ended flows once more. From any thread.
package protocol FlowReplays: Sendable {
    /// Queues the flow's request, or says why it cannot be sent.
    func replay(_ flow: HTTPFlow) throws(ReplayRefusal)
    /// Requests that wait for those before them.
    var waiting: Int { get }
}

/// Why a flow's request cannot be sent once more: a sentence for people.
package struct ReplayRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
