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
    var direction: Direction?
    weak var conversation: Conversation?
    /// Nothing more will come from it.
    private(set) var inputHasEnded: Bool
    private(set) var wasSentClose = false
    /// Payloads of our pings that it has not answered, the oldest first.
    private var pings: [[UInt8]] = []
    private static let maximumPings = 16

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

    func answerPing(_ payload: [UInt8]) { write(payload.count) { $0.writePong(payload, into: &$1) } }

    func ping(_ payload: [UInt8]) {
        if pings.count == Self.maximumPings { pings.removeFirst() }
        pings.append(payload)
        write(payload.count) { $0.writePing(payload, into: &$1) }
    }

    /// Whether a pong answers a ping of ours; those before it count as answered too (RFC 6455, 5.5.3).
    func answered(_ payload: [UInt8]) -> Bool {
        guard let index = pings.firstIndex(of: payload) else { return false }
        pings.removeFirst(index + 1)
        return true
    }

    /// Sends a close frame, unless one was sent before. Nothing is sent behind it.
    func close(_ frame: CloseFrame) {
        write(125) { $0.writeClose(frame, into: &$1) }
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
