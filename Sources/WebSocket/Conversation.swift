import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel
import Schema

/// One WebSocket from its handshake to its end: what the two say to each other, and what the flow keeps of it. Confined to its
/// session's loop.
///
/// `run` is the story; each direction tells one of its own while messages wait for somebody's decision.
final class Conversation: @unchecked Sendable {
    /// How long a close frame may stay without an answer.
    private static let closingTime = TimeAmount.seconds(5)

    let exchange: Exchange
    private let client: Party
    private let server: Party
    private let over: Pending<Ending>
    private var hasStarted = false
    private var ending: Ending?
    /// What is wrong with the handshake.
    private var refusal: Violation?
    /// The first close frame, and whose it was.
    private var goodbye: (by: Sender, frame: CloseFrame)?
    private var alarm: Scheduled<Void>?
    /// What the flow has of the WebSocket when nothing has been said.
    let blank: WebSocketData
    /// Frames go on as they come, see `StreamedDirection`.
    let isStreamed: Bool
    /// What was said once and is not again.
    var remarks: Set<Remark> = []

    init(_ exchange: Exchange, _ upgrade: Upgrade, _ session: isolated Session) {
        self.exchange = exchange
        over = Pending(on: session.loop)
        let (settings, options) = (session.services.settings, ProxyOptions.table)
        blank = WebSocketData(
            KeptMessages(maximumCount: settings[options.storeMessages], maximumBytes: settings[options.storeMessageBytes]))
        var compression: Compression?
        do throws(Violation) {
            compression = try Compression.agreed(in: exchange.flow.response?.headers ?? Headers())
        } catch {
            refusal = error
        }
        let isStreamed = settings[WebSocketOptions.table.stream]
        self.isStreamed = isStreamed
        let limit = isStreamed ? Self.recordLimit(settings) : settings[WebSocketOptions.table.messageLimit].bytes
        let party = { (sender: Sender, end: TunnelEnd, name: String) in
            Party(
                sender, end, name: name,
                MessageReader(from: sender, compression: compression, limit: limit, passes: isStreamed),
                MessageWriter(as: sender.other, compression: compression, receivedWith: compression) {
                    UInt32.random(in: .min ... .max)
                })
        }
        client = party(.client, upgrade.client, "client \(exchange.flow.client.value.peername)")
        server = party(
            .server, upgrade.server, "server \(exchange.flow.server.value.address?.description ?? exchange.flow.request.host)")
        for (party, other) in [(client, server), (server, client)] {
            party.direction =
                isStreamed
                ? StreamedDirection(from: party, to: other, in: self) : DecidedDirection(from: party, to: other, in: self)
            party.conversation = self
            party.conduit.consumer = party
        }
    }

    func run(on session: isolated Session) async {
        exchange.flow.websocket = Boxed(blank)
        exchange.injector = { [weak self] (message) throws(InjectionRefusal) in
            try session.assumeIsolated { session in
                Result { () throws(InjectionRefusal) in try self?.inject(message, on: session) }
            }.get()
        }
        do throws(ProxyFailure) {
            try await fire(WebSocketHooks.table.start, on: session)
            begin(on: session)
            _ = try await over.wait(as: exchange.waiter)
        } catch {
            end(error.what == .cancelled ? .lost(.client) : .failed(error))
        }
        exchange.injector = nil
        await finish(ending ?? .closed, on: session)
    }

    private func begin(on session: isolated Session) {
        hasStarted = true
        if let refusal { return end(.violated(.server, refusal)) }
        for party in [client, server] { party.direction?.advance(on: session) }
    }

    // MARK: What the directions report

    /// Messages go back and forth.
    var isOpen: Bool { hasStarted && !isOver }
    var isOver: Bool { ending != nil }

    func becameWritable(on session: isolated Session) {
        for party in [client, server] { party.direction?.advance(on: session) }
    }

    /// The connection of a party is gone. With the client's its session ends, so nothing more can be passed on.
    func left(_ party: Party, on session: isolated Session) {
        guard party.sender == .client else { return }
        if hasStarted { lost(party, on: session) } else { exchange.clientLeft() }
    }

    /// All is over. The last frames are written here and now: a session that has lost its client closes its servers next.
    func end(_ ending: Ending) {
        guard !isOver else { return }
        self.ending = ending
        for party in [client, server] {
            // Who has said goodbye and hears nothing of the other is answered in its own words.
            let echo = goodbye.flatMap { $0.by == party.sender ? $0.frame : nil }
            if let frame = echo ?? ending.farewell(to: party.sender) { party.close(frame) }
        }
        over.resume(ending)
    }

    /// A close frame has its turn: it goes on, and when both have come all is over.
    func said(_ frame: CloseFrame, by source: Party, to sink: Party, on session: isolated Session) {
        sink.close(frame)
        guard goodbye == nil else { return end(.closed) }
        goodbye = (source.sender, frame)
        awaitAnswer(of: sink.sender, on: session)
    }

    private func awaitAnswer(of sender: Sender, on session: isolated Session) {
        alarm = session.loop.assumeIsolated().scheduleTask(in: Self.closingTime) { [weak self] in
            session.assumeIsolated { session in
                guard let self, !self.isOver else { return }
                // It may have answered behind messages that wait for a decision.
                guard self.party(sender).direction?.isIdle == false else { return self.end(.closed) }
                self.awaitAnswer(of: sender, on: session)
            }
        }
    }

    /// A party's connection has ended without a close frame: no loss, if the other has sent one.
    func lost(_ party: Party, on session: isolated Session) {
        guard goodbye == nil else { return end(.closed) }
        end(session.isDraining ? .stopped : .lost(party.sender))
    }

    private func inject(_ message: Injection, on session: isolated Session) throws(InjectionRefusal) {
        guard isOpen, goodbye == nil else { throw InjectionRefusal("the WebSocket is not open") }
        let content = message.content.bytes
        let limit = session.services.settings[WebSocketOptions.table.messageLimit].bytes
        guard content.count <= limit else {
            throw InjectionRefusal(.tooLarge, "the message has \(content.count) bytes, at most \(limit) may be sent")
        }
        guard !message.isText || message.content.utf8 != nil else {
            throw InjectionRefusal(.badContent, "expected a text in UTF-8, found other bytes")
        }
        let direction = message.toClient ? server.direction : client.direction
        guard direction?.inject(message.isText ? .text : .binary, content, on: session) == true else {
            throw InjectionRefusal(.overloaded, "too many messages wait to be sent")
        }
    }

    private func fire(_ hook: Hook<WebSocketEvent>, on session: isolated Session) async throws(ProxyFailure) {
        guard session.hooks.hasListeners(hook) else { return }
        let outcome = try await session.hooks.fire(
            hook, WebSocketEvent(exchange.flow), waiter: exchange.waiter)
        var event = WebSocketEvent(exchange.flow)
        let holds = apply(outcome, to: &event)
        if let failure = outcome.failure { throw failure }
        if holds, !isOver { try await exchange.hold(as: exchange.waiter, on: session) }
    }

    // MARK: The end

    private func finish(_ ending: Ending, on session: isolated Session) async {
        alarm?.cancel()
        var isAbrupt = false
        if case .failed = ending { isAbrupt = true }
        let directions = [client, server].compactMap(\.direction)
        for party in [server, client] { party.leave(on: session, abruptly: isAbrupt) }
        for direction in directions { direction.end(isAbrupt: isAbrupt, on: session) }
        for direction in directions { await direction.settle(on: session) }
        exchange.flow.websocket?.value.end(ending, goodbye?.by, goodbye?.frame)
        exchange.waiter.reopen()
        exchange.flow.intercepted = false
        if let note = note(of: ending) {
            let message = if case .failed(let failure) = ending, failure.what == .killed { FlowError.killedMessage } else { note }
            exchange.flow.error = FlowError(message, at: WallClock.now)
            session.log(.info, "\(client.name): WebSocket \(exchange.flow.request.url): \(note)")
            _ = try? await fire(WebSocketHooks.table.error, on: session)
        }
        _ = try? await fire(WebSocketHooks.table.end, on: session)
    }

    /// What went wrong, for people; nil if nothing has.
    private func note(of ending: Ending) -> String? {
        switch ending {
        case .closed: return nil
        case .failed(let failure): return failure.note
        case .stopped: return "the proxy stops"
        case .violated(let sender, let violation):
            return "\(party(sender).name) broke the WebSocket protocol: \(violation)"
        case .lost(let sender):
            let place = party(sender).reader.isInside ? " inside a message" : ""
            return "\(party(sender).name) ended the connection\(place), expected a close frame before"
        }
    }

    private func party(_ sender: Sender) -> Party { sender == .client ? client : server }
}

extension WebSocketData {
    fileprivate mutating func end(_ ending: Ending, _ sayer: Sender?, _ frame: CloseFrame?) {
        let code = frame.map { $0.code ?? .none } ?? ending.code
        closeCode = code.rawValue
        closeReason = frame?.reason ?? ""
        isClosedByClient = (sayer ?? ending.culprit).map { $0 == .client }
        timestampEnd = WallClock.now
    }
}
