import FlowModel
import NIOCore
import Schema
import Synchronization

/// A flow that has not ended, for those who act upon it from outside. Confined to `loop`.
package protocol LiveFlow: AnyObject, Sendable {
    var loop: any EventLoop { get }
    var flow: HTTPFlow { get }
    /// Changes the state as it is now. What was sent already stays sent.
    func apply(_ changes: [Change<HTTPFlow>])
    /// Lets an intercepted flow go on; false if it does not stand still.
    func resume() -> Bool
    /// Ends the flow wherever it stands, without a response; false if it is ending already.
    func kill() -> Bool
}

/// All flows that have not ended, by their ids. From any thread.
package final class FlowRegistry: Sendable {
    private let flows = Mutex<[String: any LiveFlow]>([:])

    package init() {}

    package func add(_ flow: any LiveFlow, id: String) { flows.withLock { $0[id] = flow } }
    package func remove(_ id: String) { _ = flows.withLock { $0.removeValue(forKey: id) } }
    package func find(_ id: String) -> (any LiveFlow)? { flows.withLock { $0[id] } }
    package var all: [any LiveFlow] { flows.withLock { Array($0.values) } }
}

/// Which flows stand still until somebody lets them go on.
package struct Interception: Sendable {
    package let admits: @Sendable (HTTPFlow) -> Bool
    /// Whether `admits` looks at bodies.
    package let needsContent: Bool

    package init(needsContent: Bool, admits: @escaping @Sendable (HTTPFlow) -> Bool) {
        self.needsContent = needsContent
        self.admits = admits
    }
}
