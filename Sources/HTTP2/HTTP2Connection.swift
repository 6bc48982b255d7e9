import CNghttp2
import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel

/// One HTTP/2 connection, to a client or to a server: moves bytes between its peer and its engine. Confined to its session's loop.
///
/// What streams do is told to the subclass's side; what it submits leaves at the end of the loop's turn.
class HTTP2Connection: ByteConsumer, Outbox, @unchecked Sendable {
    let session: Session
    let peer: Peer
    let engine: Engine
    /// What is done when the engine has read all it was fed, or given all that it had.
    private var postponed: [() -> Void] = []
    private var engineIsBusy = false
    /// What has sent nothing for so long gives up the memory that it made its frames in.
    private static let silence = TimeAmount.seconds(1)
    private var silenceIsAwaited = false
    private var hasSent = false
    private(set) var isOver = false

    init(_ role: Engine.Role, _ peer: Peer, _ session: isolated Session) {
        self.session = session
        self.peer = peer
        engine = Engine(role, limits: .standard)
        peer.outbox = self
        peer.sendSoon()
    }

    /// For messages: who is at the other end.
    var name: String { "" }

    // MARK: Bytes

    func received(_ bytes: ByteBuffer, on session: isolated Session) {
        guard !isOver else { return }
        engineIsBusy = true
        let goesOn = engine.feed(bytes, now: .now())
        engineIsBusy = false
        doPostponed()
        peer.sendSoon()
        if !goesOn { end() }
    }

    func inputClosed(on session: isolated Session) { if isOver { peer.close() } else { end() } }
    func becameWritable(on session: isolated Session) { peer.sendSoon() }

    func closed(on session: isolated Session) {
        isOver = true
        lost(engine.complaint)
    }

    func fill() {
        guard !engineIsBusy else { return }
        engineIsBusy = true
        while peer.isWritable, peer.isOpen {
            let bytes = engine.take(limit: 64 * 1024)
            guard bytes.readableBytes > 0 else { break }
            peer.write(bytes)
            hasSent = true
        }
        engineIsBusy = false
        doPostponed()
        if !isOver, !engine.isAlive { end() }
        if hasSent, !silenceIsAwaited { awaitSilence() }
    }

    /// One alarm at a time, however much is sent.
    private func awaitSilence() {
        silenceIsAwaited = true
        hasSent = false
        session.loop.assumeIsolated().scheduleTask(in: Self.silence) { [weak self] in
            guard let self, !isOver else { return }
            guard !hasSent else { return awaitSilence() }
            silenceIsAwaited = false
            engine.rest()
        }
    }

    /// Does it when the engine is free: at once, or after what is being read or written.
    func whenEngineIsFree(_ action: @escaping () -> Void) {
        if engineIsBusy { postponed.append(action) } else { action() }
    }

    private func doPostponed() {
        while !postponed.isEmpty {
            let actions = postponed
            postponed = []
            for action in actions { action() }
        }
    }

    /// Sends what is left and closes.
    func end() {
        guard !isOver else { return }
        isOver = true
        if let flood = engine.flood {
            session.services.counters.add(ProxyInstruments.table.http2Floods, kind: flood.rawValue)
            session.log(.warning, "\(name): the HTTP/2 connection was ended, as it brought too many \(flood.frames)")
        } else if let complaint = engine.complaint {
            session.log(.info, "\(name): HTTP/2: \(complaint)")
        }
        lost(engine.complaint)
        // A socket that is closed before all was read from it is reset, and the other side may never see why.
        let lingers = session.assumeIsolated { $0.isDraining && $0.client === peer && !peer.inputIsClosed }
        if lingers, engine.complaint == nil {
            peer.closeOutput()
        } else {
            peer.close()
        }
    }

    /// The connection is gone; every stream ends with it.
    func lost(_ complaint: String?) {}

    /// Lets a body go on that the peer sends, or stops it.
    func consume(_ count: Int, on stream: Int32) {
        engine.consume(count, on: stream)
        peer.sendSoon()
    }

    func reset(_ stream: Int32, _ code: nghttp2_error_code) {
        engine.reset(stream, code)
        peer.sendSoon()
    }
}

/// How a stream ended, by RFC 9113 7's name.
func errorName(_ code: UInt32) -> String { String(cString: nghttp2_http2_strerror(code)) }
