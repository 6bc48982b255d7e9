import FlowModel
import NIOCore
import ProxyKernel

/// What one party sends, on its way to the other: messages in their order, each decided upon before the next. Confined to its
/// session's loop.
///
/// What waits is bounded: above the marks no further message is taken from the party's bytes, and those are not read. While messages go
/// on as they come, no story is told.
final class Direction {
    private static let highWaterMark = 256 * 1024
    private static let maximumWaiting = 64
    /// Messages of addons that may wait besides.
    private static let maximumInjected = 1024

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

    /// Does what can be done now.
    func advance(on session: isolated Session) {
        guard conversation.isOpen else { return regulate() }
        read(on: session)
        while !isBusy, let item = take() {
            switch item {
            case .message, .injected:
                let number = note(item)
                if conversation.mustDecide(on: session) {
                    isBusy = true
                    session.tell { await self.tell(item, number, on: session) }
                } else {
                    pass(item, nil, number, on: session)
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
    private func tell(_ first: Item, _ firstNumber: Int, on session: isolated Session) async {
        var next: (item: Item, number: Int)? = (first, firstNumber)
        while let (item, number) = next {
            next = nil
            do throws(ProxyFailure) {
                try await conversation.decide(number, waiter, on: session)
            } catch {
                if conversation.isOpen { conversation.end(.failed(error)) }
                break
            }
            guard conversation.isOpen else { break }
            pass(item, conversation.message(number), number, on: session)
            read(on: session)
            guard queue.first?.isMessage == true, let item = take() else { break }
            next = (item, note(item))
        }
        isBusy = false
        // What is left is no message, or waits for the sink.
        advance(on: session)
    }

    /// Ends a wait for a decision, which nobody needs any more.
    func abandon() {
        waiter.end(.killed("the WebSocket is closed"))
        queue.removeAll()
    }

    /// Puts a message of an addon's behind those that wait; false if too many do.
    func inject(_ kind: WebSocketMessage.Kind, _ content: [UInt8], on session: isolated Session) -> Bool {
        guard waitingInjected < Self.maximumInjected, waitingBytes < Self.highWaterMark * 16 else { return false }
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

    private var isFull: Bool { waitingBytes >= Self.highWaterMark || queue.count - waitingInjected >= Self.maximumWaiting }

    /// Takes in what the source has sent, as far as there is room.
    private func read(on session: isolated Session) {
        while !hasEnded, !isFull {
            switch source.reader.next() {
            case .needMore:
                guard source.inputHasEnded else { return }
                hasEnded = true
                add(.lost)
            case .message(let message): add(.message(message))
            case .ping(let payload):
                session.log(.debug, "\(source.name): WebSocket ping\(Self.shown(payload)), answered and passed on")
                source.answerPing(payload)
                sink.ping(payload)
            case .pong(let payload):
                let kind = source.answered(payload) ? "that answers ours" : "that nobody asked for"
                session.log(.debug, "\(source.name): WebSocket pong\(Self.shown(payload)) \(kind), not passed on")
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

    /// The payload of a control frame for people: text as such, other bytes in hexadecimal digits.
    private static func shown(_ payload: [UInt8]) -> String {
        if payload.isEmpty { return "" }
        if payload.allSatisfy({ (0x20...0x7E).contains($0) }) { return " '\(String(decoding: payload, as: UTF8.self))'" }
        return " " + payload.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Reads on while there is room on all sides; also when nothing more is expected, so that the end is seen.
    private func regulate() {
        guard !conversation.isOver else { return }
        let hasRoom = !isFull && source.reader.waiting < Self.highWaterMark && sink.takesMore && source.takesMore
        source.conduit.setReading(hasEnded || hasRoom)
    }

    // MARK: Messages

    /// Puts the message into the flow; the result is its number there.
    private func note(_ item: Item) -> Int {
        switch item {
        case .message(let message): conversation.note(message.kind, message.content, from: source.sender, isInjected: false)
        case .injected(let kind, let content): conversation.note(kind, content, from: source.sender, isInjected: true)
        case .close, .violation, .lost: 0
        }
    }

    /// Sends a message as it came, or as it was decided.
    private func pass(_ item: Item, _ decided: WebSocketMessage?, _ number: Int, on session: isolated Session) {
        conversation.record(number, on: session)
        switch item {
        case .message(let message):
            if decided?.isDropped == true { return sink.skip(message) }
            let content = decided?.content.bytes ?? message.content
            sink.send(message, changedTo: content == message.content ? nil : content)
        case .injected(let kind, let content):
            if decided?.isDropped != true { sink.send(injected: kind, decided?.content.bytes ?? content) }
        case .close, .violation, .lost: break
        }
    }
}
