import FlowModel
import NIOCore

/// The bodies that go beside a connection's lines: by descriptor, or held for calls of `body.read`. Confined to the link's loop.
final class BodyCarrier: @unchecked Sendable {
    /// Leave for one event to have descriptors, until it is dropped.
    final class Permit: Sendable {
        private let carrier: BodyCarrier
        private let loop: any EventLoop

        init(_ carrier: BodyCarrier, _ loop: any EventLoop) {
            self.carrier = carrier
            self.loop = loop
        }

        deinit {
            guard !loop.inEventLoop else { return carrier.leave(on: loop) }
            loop.execute { [carrier, loop] in carrier.leave(on: loop) }
        }
    }

    /// Events with descriptors that are open at a time: the socket takes some ten packets before the worker has read any of them, and
    /// behind each is a copy of a body.
    private static let maximumCarried = 5

    /// Nil if none was agreed on.
    var socket: DescriptorSocket?
    private var held: [Int: Content] = [:]
    private var nextHeld = 1
    private var carried = 0
    private var waiting: [EventLoopPromise<Permit>] = []
    /// The slots of events that were withdrawn from a worker which may still write there, by their ids.
    private var lent: [Int: [BodyArea.Slot]] = [:]

    /// How each body is to be named in the line that is sent next; nil for one that cannot be carried.
    func carry(_ bodies: [LargeBody]) -> [ContentReference?] {
        bodies.map { body in
            if let slot = body.slot { return slot.reference }
            if let descriptor = body.descriptor, let number = socket?.send(descriptor) {
                return .descriptor(number, size: body.size)
            }
            guard body.mayBeHeld else { return nil }
            defer { nextHeld += 1 }
            held[nextHeld] = body.content
            return .held(nextHeld, size: body.size)
        }
    }

    /// Keeps the slots of a withdrawn event from others until its worker has answered it all the same, or the connection is over.
    func lend(_ slots: [BodyArea.Slot], to id: Int) { if !slots.isEmpty { lent[id] = slots } }

    /// The worker has answered a withdrawn event.
    func giveBack(_ id: Int) { lent[id] = nil }

    /// The body that an open event shows by that number.
    func body(_ number: Int) -> Content? { held[number] }

    /// Forgets what an event held that has ended.
    func release(_ references: [ContentReference?]) {
        for case .held(let number, _)? in references { held[number] = nil }
    }

    /// The descriptors that an answer names.
    func receive(_ numbers: [Int]) -> [Int: Result<OwnedDescriptor, DescriptorFailure>] {
        guard let socket else { return [:] }
        var received: [Int: Result<OwnedDescriptor, DescriptorFailure>] = [:]
        for number in Set(numbers).sorted() { received[number] = socket.receive(number) }
        return received
    }

    /// Nil if that has to be waited for. `loop` is the link's.
    func enterNow(on loop: any EventLoop) -> Permit? {
        guard carried < Self.maximumCarried else { return nil }
        carried += 1
        return Permit(self, loop)
    }

    /// Succeeds when one more event may have descriptors. `loop` is the link's.
    func enter(on loop: any EventLoop) -> EventLoopFuture<Permit> {
        let promise = loop.makePromise(of: Permit.self)
        if let permit = enterNow(on: loop) { promise.succeed(permit) } else { waiting.append(promise) }
        return promise.futureResult
    }

    private func leave(on loop: any EventLoop) {
        if waiting.isEmpty { carried -= 1 } else { waiting.removeFirst().succeed(Permit(self, loop)) }
    }

    /// The connection is over. Who waits learns of it when it sends.
    func close(on loop: any EventLoop) {
        socket = nil
        held = [:]
        lent = [:]
        let waiting = waiting
        self.waiting = []
        carried += waiting.count
        for promise in waiting { promise.succeed(Permit(self, loop)) }
    }
}
