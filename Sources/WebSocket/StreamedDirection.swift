import FlowModel
import NIOCore
import ProxyKernel

/// A direction whose frames go on as they come: nothing waits but for the one who reads them.
///
/// What they say is put together on the side, for the flow and for those who listen. Messages of addons go where one of the source's has
/// ended and the next has not begun. When the receiver takes no more the source is not read.
final class StreamedDirection: Direction {
    private let source: Party
    private let sink: Party
    private let conversation: Conversation
    private let witness: Witness
    private var injected = CircularBuffer<PassedMessage>()
    private var injectedBytes = 0
    /// The source has said its last.
    private var hasEnded = false

    init(from source: Party, to sink: Party, in conversation: Conversation) {
        self.source = source
        self.sink = sink
        self.conversation = conversation
        witness = Witness(in: conversation)
    }

    var isIdle: Bool { injected.isEmpty && source.reader.waiting == 0 }

    func advance(on session: isolated Session) {
        while conversation.isOpen, sink.takesMore {
            if sendInjected(on: session) { continue }
            guard !hasEnded, takeNext(on: session) else { break }
        }
        regulate()
    }

    func inject(_ kind: WebSocketMessage.Kind, _ content: [UInt8], on session: isolated Session) -> Bool {
        guard injected.count < WaitingBounds.injected, injectedBytes < WaitingBounds.injectedBytes else { return false }
        injected.append(PassedMessage(kind, content))
        injectedBytes += content.count
        advance(on: session)
        return true
    }

    func end(isAbrupt: Bool, on session: isolated Session) {
        injected.removeAll()
        witness.end(isAbrupt: isAbrupt, on: session)
    }

    func settle(on session: isolated Session) async { await witness.settle(on: session) }

    private func sendInjected(on session: isolated Session) -> Bool {
        guard !source.reader.isInsideMessage, let message = injected.popFirst(), let content = message.content else {
            return false
        }
        injectedBytes -= content.count
        sink.send(injected: message.kind, content)
        passed(message, isInjected: true, on: session)
        return true
    }

    /// Deals with the next that the source has sent; false if there is nothing.
    private func takeNext(on session: isolated Session) -> Bool {
        switch source.reader.next() {
        case .needMore:
            guard source.inputHasEnded else { return false }
            hasEnded = true
            conversation.lost(source, on: session)
        case .passage(let passage):
            sink.pass(passage)
            if let message = passage.message { passed(message, isInjected: false, on: session) }
        case .ping(let payload): source.pinged(payload, tell: sink, on: session)
        case .pong(let payload): source.ponged(payload, on: session)
        case .close(let frame):
            hasEnded = true
            conversation.said(frame, by: source, to: sink, on: session)
        case .failed(let violation):
            hasEnded = true
            conversation.end(.violated(source.sender, violation))
        // A reader that passes frames has none.
        case .message: break
        }
        return true
    }

    private func passed(_ message: PassedMessage, isInjected: Bool, on session: isolated Session) {
        guard let noted = conversation.note(message, from: source, isInjected: isInjected, on: session) else { return }
        witness.tell(noted, on: session)
    }

    /// Reads on while the sink takes more; also when nothing more is expected, so that the end is seen.
    private func regulate() {
        guard !conversation.isOver else { return }
        source.conduit.setReading(hasEnded || sink.takesMore && source.takesMore && conversation.isOpen)
    }
}
