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

    /// Nothing waits.
    var isIdle: Bool { !isBusy && queue.isEmpty }

    /// Does what can be done now.
    func advance(on session: isolated Session) {
        guard conversation.isOpen else { return regulate() }
        read(on: session)
        while !isBusy, let item = take() {
            switch item {
            case .message, .injected:
                let noted = note(item)
                if conversation.mustDecide(on: session) {
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
