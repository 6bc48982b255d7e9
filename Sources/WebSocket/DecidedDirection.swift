import FlowModel
import NIOCore
import ProxyKernel

/// A direction whose messages may be changed: they go in their order, each when it is whole and was decided upon, before the next.
///
/// What waits is bounded: above the marks no further message is taken from the party's bytes, and those are not read. While messages go
/// on as they come, no story is told.
final class DecidedDirection: Direction {
    private enum Item {
        case message(ReceivedMessage)
        case injected(WebSocketMessage.Kind, [UInt8])
        case close(CloseFrame)
        case violation(Violation)
        case lost

        var isMessage: Bool {
            switch self {
            case .message, .injected: true
            case .close, .violation, .lost: false
            }
        }

        var cost: Int {
            switch self {
            case .message(let message): message.content.count + (message.framed.isCompressed ? message.framed.bytes.count : 0)
            case .injected(_, let content): content.count
            case .close, .violation, .lost: 0
            }
        }
    }

    private let source: Party
    private let sink: Party
    private let conversation: Conversation
    private let waiter = Waiter()
    private var queue = CircularBuffer<Item>()
    private var waitingBytes = 0
    private var waitingInjected = 0
    private var isBusy = false
    /// The source has said its last.
    private var hasEnded = false

    init(from source: Party, to sink: Party, in conversation: Conversation) {
        self.source = source
        self.sink = sink
        self.conversation = conversation
    }

    var isIdle: Bool { !isBusy && queue.isEmpty }

    func advance(on session: isolated Session) {
        guard conversation.isOpen else { return regulate() }
        read(on: session)
        while !isBusy, let item = take() {
            switch item {
            case .message, .injected:
                let noted = note(item)
                if conversation.hasListeners(on: session) {
                    isBusy = true
                    session.tell { await self.tell(item, noted, on: session) }
                } else {
                    pass(item, noted, on: session)
                    read(on: session)
                }
            case .close(let frame): conversation.said(frame, by: source, to: sink, on: session)
            case .violation(let violation): conversation.end(.violated(source.sender, violation))
            case .lost: conversation.lost(source, on: session)
            }
        }
        regulate()
    }

    /// Messages that wait for somebody's decision, one after the other.
    private func tell(_ first: Item, _ firstNoted: NotedMessage?, on session: isolated Session) async {
        var next: (item: Item, noted: NotedMessage?)? = (first, firstNoted)
        while let (item, noted) = next {
            next = nil
            guard var noted else { break }
            do throws(ProxyFailure) {
                noted.message = try await conversation.decide(noted, waiter, on: session)
            } catch {
                conversation.end(.failed(error))
            }
            guard conversation.isOpen else { break }
            pass(item, noted, on: session)
            read(on: session)
            guard queue.first?.isMessage == true, let item = take() else { break }
            next = (item, note(item))
        }
        isBusy = false
        // What is left is no message, or waits for the sink.
        advance(on: session)
    }

    func end(isAbrupt: Bool, on session: isolated Session) {
        waiter.end(.killed("the WebSocket is closed"))
        queue.removeAll()
    }

    func settle(on session: isolated Session) async {}

    func inject(_ kind: WebSocketMessage.Kind, _ content: [UInt8], on session: isolated Session) -> Bool {
        guard waitingInjected < WaitingBounds.injected, waitingBytes < WaitingBounds.injectedBytes else { return false }
        waitingInjected += 1
        add(.injected(kind, content))
        advance(on: session)
        return true
    }

    // MARK: The queue

    private func add(_ item: Item) {
        queue.append(item)
        waitingBytes += item.cost
    }

    private func take() -> Item? {
        guard conversation.isOpen, sink.takesMore, let item = queue.popFirst() else { return nil }
        waitingBytes -= item.cost
        if case .injected = item { waitingInjected -= 1 }
        return item
    }

    private var isFull: Bool { waitingBytes >= WaitingBounds.bytes || queue.count - waitingInjected >= WaitingBounds.messages }

    /// Takes in what the source has sent, as far as there is room.
    private func read(on session: isolated Session) {
        while !hasEnded, !isFull {
            switch source.reader.next() {
            case .needMore:
                guard source.inputHasEnded else { return }
                hasEnded = true
                add(.lost)
            case .message(let message): add(.message(message))
            case .ping(let payload): source.pinged(payload, tell: sink, on: session)
            case .pong(let payload): source.ponged(payload, on: session)
            // A reader that does not pass frames has none.
            case .passage: break
            case .close(let frame):
                hasEnded = true
                add(.close(frame))
            case .failed(let violation):
                hasEnded = true
                // It is told at once; the other is when it has had what came before.
                source.close(CloseFrame(code: violation.code, reason: violation.description))
                add(.violation(violation))
            }
        }
    }

    /// Reads on while there is room on all sides; also when nothing more is expected, so that the end is seen.
    private func regulate() {
        guard !conversation.isOver else { return }
        let hasRoom = !isFull && source.reader.waiting < WaitingBounds.bytes && sink.takesMore && source.takesMore
        source.conduit.setReading(hasEnded || hasRoom)
    }

    // MARK: Messages

    /// Puts the item into the flow, if it is a message.
    private func note(_ item: Item) -> NotedMessage? {
        switch item {
        case .message(let message): conversation.note(message.kind, message.content, from: source.sender, isInjected: false)
        case .injected(let kind, let content): conversation.note(kind, content, from: source.sender, isInjected: true)
        case .close, .violation, .lost: nil
        }
    }

    /// Sends a message as it was decided.
    private func pass(_ item: Item, _ noted: NotedMessage?, on session: isolated Session) {
        guard let noted else { return }
        conversation.record(noted, on: session)
        let content = noted.message.content.bytes
        switch item {
        case .message(let message):
            if noted.message.isDropped { return sink.skip(message) }
            sink.send(message, changedTo: content == message.content ? nil : content)
        case .injected(let kind, _): if !noted.message.isDropped { sink.send(injected: kind, content) }
        case .close, .violation, .lost: break
        }
    }
}
