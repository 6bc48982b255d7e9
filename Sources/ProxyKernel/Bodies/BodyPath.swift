import FlowModel
import NIOCore

/// The way of one message's body from its producer to its receiver, with the stages that stand in it. Confined to the session's loop.
///
/// While the body flows, nobody holds more of it than the pipes let wait. `hold` ends that: the body is in the flow's state then.
public final class BodyPath: @unchecked Sendable {
    /// What comes out behind the last stage.
    public private(set) var pipe: BodyPipe
    /// What is known of its length there.
    public private(set) var length: BodyLength
    /// What comes in; nobody else may hold it.
    private let source: BodyPipe
    private var stages: [any BodyStage] = []
    private var isHeld = false
    /// Called before the body is first asked for: its sender may wait for a word.
    private let willRead: (() -> Void)?

    public init(_ pipe: BodyPipe, length: BodyLength, willRead: (() -> Void)? = nil) {
        self.pipe = pipe
        source = pipe
        self.length = length
        self.willRead = willRead
    }

    /// The way of a body that is there already.
    public convenience init(_ content: Content, trailers: Headers?, on loop: any EventLoop) {
        let pipe: BodyPipe
        if case .file(let file) = content {
            pipe = BodyFileSource.pipe(file, trailers: trailers, on: loop)
        } else {
            pipe = BodyPipe { _ in }
            if let bytes = content.buffer { pipe.received(bytes) }
            pipe.ended(trailers: trailers)
        }
        self.init(pipe, length: .exact(content.size ?? 0))
    }

    /// There is a body, and it is still to come or on its way.
    public var flows: Bool { length != .none && !isHeld && !isEmpty }
    /// Nothing is to come, since the head said so.
    public var isEmpty: Bool { length == .exact(0) && pipe.isEnded }

    /// Puts one more stage behind those that are there.
    public func pass(through stage: any BodyStage) {
        willRead?()
        stages.append(stage)
        length = .unknown
        pipe = pipe.pass(through: stage)
    }

    /// The whole body, at most `limit` bytes and what the store allows; it does not flow any more. One with more bytes than `limit` still
    /// does.
    public func hold(
        in store: BodyStore, limit: Int = .max, mappedFrom: Int? = nil, of whom: String, waiter: Waiter?, on loop: any EventLoop
    ) async throws(ProxyFailure) -> Content {
        willRead?()
        let content = try await pipe.collect(
            in: store, limit: limit, length, mappedFrom: mappedFrom, of: whom, waiter: waiter, on: loop)
        isHeld = true
        return content
    }

    /// What stands at the body's beginning, without taking it: `count` bytes, or all that has come when the body ends or `patience` is over.
    public func prefix(
        _ count: Int, patience: TimeAmount, waiter: Waiter?, on loop: any EventLoop
    ) async throws(ProxyFailure) -> ByteBuffer {
        willRead?()
        return try await pipe.prefix(count, patience: patience, waiter: waiter, on: loop)
    }

    /// Reads the rest and throws it away; what the flow's state has is the body from now on.
    public func discard() {
        isHeld = true
        end()
        pipe.discard()
    }

    /// Nobody works on the body any more.
    public func end() {
        for stage in stages where !stage.output.isComplete { stage.bodyFailed(.clientGone) }
        stages = []
    }
}
