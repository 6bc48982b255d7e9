import FlowModel
import NIOCore
import ProxyKernel

/// Tells listeners about the messages of one direction that have gone on already, one after the other. Confined to its session's loop.
///
/// What waits for them is bounded; a message that finds no room has no event, which the log says once.
final class Witness: @unchecked Sendable {
    private static let maximumWaiting = 1024
    private static let maximumBytes = WaitingBounds.injectedBytes
    /// How long the end of the WebSocket waits for listeners.
    private static let patience = TimeAmount.seconds(5)

    private let conversation: Conversation
    private let waiter = Waiter()
    private var queue = CircularBuffer<NotedMessage>()
    private var waitingBytes = 0
    private var isBusy = false
    /// Somebody waits until all is told.
    private var done: Pending<Void>?
    private var alarm: Scheduled<Void>?

    init(in conversation: Conversation) { self.conversation = conversation }

    func tell(_ noted: NotedMessage, on session: isolated Session) {
        guard conversation.hasListeners(on: session) else { return }
        let size = noted.message.content.bytes.count
        guard queue.isEmpty || queue.count < Self.maximumWaiting && waitingBytes + size <= Self.maximumBytes else {
            return conversation.missed(on: session)
        }
        queue.append(noted)
        waitingBytes += size
        guard !isBusy else { return }
        isBusy = true
        session.tell { await self.story(on: session) }
    }

    private func story(on session: isolated Session) async {
        while let noted = queue.popFirst() {
            waitingBytes -= noted.message.content.bytes.count
            do throws(ProxyFailure) {
                try await conversation.show(noted, waiter, on: session)
            } catch {
                conversation.end(.failed(error))
            }
        }
        isBusy = false
        alarm?.cancel()
        done?.resume(())
    }

    /// The WebSocket has ended. Listeners hear what is left for a few seconds more; if the end is abrupt, nothing.
    func end(isAbrupt: Bool, on session: isolated Session) {
        if isAbrupt { return abandon() }
        guard isBusy else { return }
        alarm = session.loop.assumeIsolated().scheduleTask(in: Self.patience) { [self] in
            session.assumeIsolated { session in
                if !queue.isEmpty { conversation.missed(on: session) }
                abandon()
            }
        }
    }

    private func abandon() {
        queue.removeAll()
        waiter.end(.killed("the WebSocket is closed"))
    }

    /// Waits until all that will be told has been.
    func settle(on session: isolated Session) async {
        guard isBusy else { return }
        let done = Pending<Void>(on: session.loop)
        self.done = done
        _ = try? await done.wait(as: nil)
    }
}
