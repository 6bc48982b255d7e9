import FlowModel
import NIOCore
import Schema

/// A flow as those see it who act upon it from outside. Confined to `loop`.
public protocol TrackedFlow: AnyObject, Sendable {
    var loop: any EventLoop { get }
    var anyFlow: AnyFlow { get }
    /// Whether it has not ended.
    var isLive: Bool { get }
    /// Whether `kill` would do something.
    var isKillable: Bool { get }
    /// Changes the state as it is now. What was sent already stays sent.
    func edit(_ change: (inout AnyFlow) -> Void)
    /// Lets an intercepted flow go on; false if it does not stand still.
    func resume() -> Bool
    /// Ends the flow wherever it stands, without a response; false if it is ending already.
    func kill() -> Bool
    /// Puts a message into the stream that the flow is, as if a peer had sent it.
    func inject(_ message: Injection) throws(InjectionRefusal)
    /// Succeeds when the flow does not stand still, at once or later.
    func whenResumed() -> EventLoopFuture<Void>
}

extension TrackedFlow {
    public func inject(_ message: Injection) throws(InjectionRefusal) {
        throw InjectionRefusal("the flow is no open WebSocket or TCP connection")
    }
}

/// A message that no peer has sent.
public struct Injection: Sendable {
    public var toClient: Bool
    public var content: ByteString
    /// Of a WebSocket: text rather than binary.
    public var isText: Bool

    public init(toClient: Bool, content: ByteString, isText: Bool) {
        self.toClient = toClient
        self.content = content
        self.isText = isText
    }
}

/// Why a message cannot be injected: a sentence for people.
public struct InjectionRefusal: Error, Sendable, CustomStringConvertible {
    public enum Kind: Sendable {
        /// The flow is not in a state for that.
        case conflict
        case badContent, tooLarge, overloaded
    }

    public let kind: Kind
    public let description: String

    public init(_ description: String) { self.init(.conflict, description) }

    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// A flow that has ended: a state that can be read, edited and copied.
public final class FinishedFlow: TrackedFlow, @unchecked Sendable {
    public let loop: any EventLoop
    let key: FlowKey
    public private(set) var anyFlow: AnyFlow
    /// Its share of the registry's bytes, under the registry's lock; nil once it has gone from there.
    var accountedSize: Int?
    private let place: RegistryPlace

    init(_ flow: AnyFlow, loop: any EventLoop, _ place: RegistryPlace) {
        self.loop = loop
        anyFlow = flow
        self.place = place
        key = FlowKey(flow.id)
        release()
    }

    public var isLive: Bool { false }
    public var isKillable: Bool { false }

    public func edit(_ change: (inout AnyFlow) -> Void) {
        change(&anyFlow)
        release()
        place.registry?.resized(self, to: anyFlow.footprint)
    }

    /// What has ended does not stand still.
    private func release() {
        if anyFlow.isIntercepted { anyFlow.record.intercepted = false }
    }

    public func resume() -> Bool { false }
    public func kill() -> Bool { false }
    public func whenResumed() -> EventLoopFuture<Void> { loop.makeSucceededVoidFuture() }
}
