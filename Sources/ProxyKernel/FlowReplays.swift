import FlowModel

/// Sends requests of ended flows once more. From any thread.
public protocol FlowReplays: Sendable {
    /// Queues the flow's request, or says why it cannot be sent.
    func replay(_ flow: HTTPFlow) throws(ReplayRefusal)
    /// Requests that wait for those before them.
    var waiting: Int { get }
}

/// Why a flow's request cannot be sent once more: a sentence for people.
public struct ReplayRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
