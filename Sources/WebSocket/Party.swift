import FlowModel
import NIOCore
import ProxyKernel

/// One of the two that speak through us: its conduit, what it sends, and what it is sent. Confined to its session's loop.
final class Party: DrainingConsumer {
    let sender: Sender
    let conduit: any Conduit
    /// For people: which peer this is.
    let name: String
    var reader: MessageReader
    private var writer: MessageWriter
    /// What it sends goes there; nil once all is over.
    var direction: (any Direction)?
    weak var conversation: Conversation?
    /// Nothing more will come from it.
    private(set) var inputHasEnded: Bool
    private(set) var wasSentClose = false
    /// Payloads of our pings that it has not answered, the oldest first.
    private var pings: [[UInt8]] = []
    private static let maximumPings = 16
    /// It was sent the beginning of a frame: nothing but the rest of that may follow.
    private var isInsideFrame = false
    /// The answer to its newest ping, for which it is in the middle of a frame.
    private var latePong: [UInt8]?

    init(_ sender: Sender, _ end: TunnelEnd, name: String, _ reader: MessageReader, _ writer: MessageWriter) {
        self.sender = sender
        self.name = name
        self.reader = reader
        self.writer = writer
        conduit = end.conduit
        inputHasEnded = end.conduit.inputIsClosed || !end.conduit.isOpen
        self.reader.received(end.early)
    }

    // MARK: What it does

    func received(_ bytes: ByteBuffer, on session: isolated Session) {
        reader.received(bytes)
        direction?.advance(on: session)
    }

    func inputClosed(on session: isolated Session) {
        inputHasEnded = true
        direction?.advance(on: session)
    }

    func closed(on session: isolated Session) {
        inputHasEnded = true
        direction?.advance(on: session)
        conversation?.left(self, on: session)
    }

    /// The proxy stops: both are told before their connections end.
    func drain() { conversation?.end(.stopped) }

    func becameWritable(on session: isolated Session) { conversation?.becameWritable(on: session) }

    // MARK: What it is sent

    /// False while what it is sent should wait.
    var takesMore: Bool { !conduit.isOpen || conduit.isWritable }

    private func write(_ capacity: Int, _ body: (inout MessageWriter, inout ByteBuffer) -> Void) {
        guard conduit.isOpen, !wasSentClose else { return }
        var buffer = conduit.buffer(capacity: capacity + 14)
        body(&writer, &buffer)
        conduit.write(buffer)
    }

    /// `changedTo` is nil if the message is as it came.
    func send(_ message: ReceivedMessage, changedTo content: [UInt8]?) {
        write(content?.count ?? message.framed.bytes.count) { $0.write(message, changedTo: content, into: &$1) }
    }

    func send(injected kind: WebSocketMessage.Kind, _ content: [UInt8]) {
        write(content.count) { $0.writeInjected(kind, content, into: &$1) }
    }

    /// It is not sent a message that the other has sent.
    func skip(_ message: ReceivedMessage) { writer.dropped(message) }

    /// Bytes of frames, as they came from the other.
    func pass(_ passage: Passage) {
        guard conduit.isOpen, !wasSentClose else { return }
        conduit.write(passage.bytes)
        isInsideFrame = !passage.endsFrame
        guard passage.endsFrame, let payload = latePong.take() else { return }
        answerPing(payload)
    }

    /// It has sent a ping: that is answered, and passed on to the other.
    func pinged(_ payload: [UInt8], tell other: Party, on session: isolated Session) {
        session.log(.debug, "\(name): WebSocket ping\(Self.shown(payload)), answered and passed on")
        answerPing(payload)
        other.ping(payload)
    }

    func ponged(_ payload: [UInt8], on session: isolated Session) {
        let kind = answered(payload) ? "that answers ours" : "that nobody asked for"
        session.log(.debug, "\(name): WebSocket pong\(Self.shown(payload)) \(kind), not passed on")
    }

    /// The payload of a control frame for people: text as such, other bytes in hexadecimal digits.
    private static func shown(_ payload: [UInt8]) -> String {
        if payload.isEmpty { return "" }
        if payload.allSatisfy({ (0x20...0x7E).contains($0) }) { return " '\(String(decoding: payload, as: UTF8.self))'" }
        return " " + payload.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// RFC 6455, 5.5.3: of several pings the newest needs an answer alone.
    private func answerPing(_ payload: [UInt8]) {
        if isInsideFrame { return latePong = payload }
        write(payload.count) { $0.writePong(payload, into: &$1) }
    }

    private func ping(_ payload: [UInt8]) {
        if pings.count == Self.maximumPings { pings.removeFirst() }
        pings.append(payload)
        write(payload.count) { $0.writePing(payload, into: &$1) }
    }

    /// Whether a pong answers a ping of ours; those before it count as answered too (RFC 6455, 5.5.3).
    private func answered(_ payload: [UInt8]) -> Bool {
        guard let index = pings.firstIndex(of: payload) else { return false }
        pings.removeFirst(index + 1)
        return true
    }

    /// Sends a close frame, unless one was sent before or it is in the middle of a frame. Nothing is sent behind it.
    func close(_ frame: CloseFrame) {
        if !isInsideFrame { write(125) { $0.writeClose(frame, into: &$1) } }
        wasSentClose = true
    }

    /// Says nothing more, and hears nothing more.
    func leave(on session: isolated Session, abruptly: Bool) {
        direction = nil
        if abruptly {
            conduit.consumer = nil
            conduit.abort()
        } else {
            Lingering.begin(conduit, on: session)
        }
    }
}
