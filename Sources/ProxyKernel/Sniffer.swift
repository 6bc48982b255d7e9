import FlowModel
import NIOCore
import Schema
import TLSEngine

/// Collects a client's first bytes until it is known what they are, then hands them to the layer that claims them.
public final class Sniffer: ByteConsumer {
    private let detection: Detection
    /// How long a client may take to begin TLS where its server speaks first inside TLS.
    private static let patience = TimeAmount.milliseconds(250)
    private var held = ByteBuffer()
    private var isArmed = false
    private var isDecided = false
    private var clientIsDone = false

    public init(admits: Detection.Admission) { detection = Detection(admits: admits) }

    /// Allows the decision: what must come before the first byte is interpreted has come.
    public func arm(on session: isolated Session) {
        isArmed = true
        decide(on: session)
        if session.spokenFirst != nil { serverSpoke(on: session) }
    }

    public func received(_ bytes: ByteBuffer, on session: isolated Session) {
        if held.readableBytes == 0 { held = bytes } else { held.writeImmutableBuffer(bytes) }
        // While a hook is asked, no more than this is read ahead.
        if held.readableBytes > 256 * 1024 { session.client.setReading(false) }
        decide(on: session)
    }

    public func inputClosed(on session: isolated Session) {
        clientIsDone = true
        if held.readableBytes == 0 { return session.client.close() }
        decide(on: session)
    }

    public func becameWritable(on session: isolated Session) {}
    public func closed(on session: isolated Session) { isDecided = true }

    /// The server has spoken first: no protocol that clients begin.
    public func serverSpoke(on session: isolated Session) {
        guard isArmed, !isDecided, detection.admits != .http, admitsRaw(session, isNamed(.raw, on: session) ?? false) else {
            return
        }
        // A server of HTTP/2 may greet at once; its client will speak all the same.
        if let greeting = session.spokenFirst, Detection.looksLikeHTTP2Settings(greeting) { return }
        // Inside TLS a server may greet before its client's ClientHello has reached us.
        guard session.ground.eagerServer?.tls == true, !session.ground.clientUsesTLS else { return startRaw(on: session) }
        session.loop.scheduleTask(in: Self.patience) {
            session.assumeIsolated { session in
                guard let sniffer = session.client.consumer as? Sniffer, sniffer.isArmed, !sniffer.isDecided else {
                    return
                }
                sniffer.startRaw(on: session)
            }
        }
    }

    private func startRaw(on session: isolated Session) {
        start(passes(.raw, on: session) == true ? .passthrough : .raw, on: session)
    }

    private func decide(on session: isolated Session) {
        guard isArmed, !isDecided else { return }
        guard let verdict = verdict(on: session) else { return }
        if case .needMore = verdict {
            if clientIsDone { session.client.close() }
            return
        }
        guard let passes = passes(verdict, on: session) else { return }
        start(passes ? .passthrough : verdict, on: session)
    }

    /// What the bytes are, in the operator's view; nil if that cannot be told yet.
    private func verdict(on session: isolated Session) -> Detection.Verdict? {
        // What was agreed in TLS needs no guessing.
        let isAgreed = session.clientRecord.tls.alpn == "h2" && session.ground.clientUsesTLS && held.readableBytes > 0
        let agreed = isAgreed && detection.admits != .raw
        let verdict = agreed ? .http2 : detection.verdict(on: held, inputIsClosed: clientIsDone)
        switch verdict {
        case .http, .http2, .raw:
            guard let isNamed = isNamed(verdict, on: session) else { return nil }
            if isNamed { return .raw }
            if case .raw = verdict, !admitsRaw(session, isNamed) { return .http }
        case .needMore where held.readableBytes > 0 && ClientHello.looksLikeTLS(held) == false:
            // Whoever waits for more to know HTTP by need not do so.
            if isNamed(.raw, on: session) == true { return .raw }
        default: break
        }
        if case .http2 = verdict, !session.services.settings[ProxyOptions.table.http2] { return .http }
        return verdict
    }

    private func admitsRaw(_ session: isolated Session, _ isNamed: Bool) -> Bool {
        detection.admits == .raw || isNamed || session.services.settings[ProxyOptions.table.rawTCP]
    }

    /// Whether `tcp_hosts` names the server; nil if that cannot be told yet.
    private func isNamed(_ verdict: Detection.Verdict, on session: isolated Session) -> Bool? {
        let ground = session.ground
        guard let selection = session.services.passthrough, selection.hasRaw, let target = ground.target else { return false }
        let record = session.targetRecord.value
        let peer = record.via == nil ? record.peername : nil
        let known = [ground.serverName.map { Address(host: $0, port: target.port).description }].compactMap { $0 }
        if selection.isRaw(known) { return true }
        guard let names = HostSelection.names(of: target, peer: peer, verdict, held) else { return clientIsDone ? false : nil }
        return selection.isRaw(names)
    }

    /// Whether the operator wants the connection to be passed through; nil if that cannot be told yet.
    private func passes(_ verdict: Detection.Verdict, on session: isolated Session) -> Bool? {
        let ground = session.ground
        guard let selection = session.services.passthrough, let target = ground.target, !ground.clientUsesTLS else {
            return false
        }
        let record = session.targetRecord.value
        let peer = record.via == nil ? record.peername : nil
        guard let names = HostSelection.names(of: target, peer: peer, verdict, held) else { return clientIsDone ? false : nil }
        return selection.passes(names)
    }

    private func start(_ verdict: Detection.Verdict, on session: isolated Session) {
        isDecided = true
        guard verdict.isDetected, session.hooks.hasListeners(LayerHooks.table.nextLayer) else {
            return enter(verdict, on: session)
        }
        let seen = ByteString(held.readableBytesView.prefix(1024))
        let own = session.services.protocols.first { $0.claims(verdict) }?.name ?? "tls"
        session.tell {
            var event = NextLayerEvent(
                client: session.frozenClientRecord, server: session.targetRecord, dataClient: seen, layer: own)
            do throws(ProxyFailure) {
                try await session.hooks.run(LayerHooks.table.nextLayer, &event, waiter: session.waiter)
                self.enter(event.layer == own ? verdict : self.chosen(event.layer, insteadOf: verdict, on: session), on: session)
            } catch {
                session.client.close()
            }
        }
    }

    /// What a worker's choice means; our own if it does not fit.
    private func chosen(_ word: String, insteadOf own: Detection.Verdict, on session: isolated Session) -> Detection.Verdict {
        do throws(Detection.Misfit) {
            let verdict = try Detection.verdict(
                named: word, for: held, on: session.ground, serverSpoke: session.spokenFirst != nil)
            if case .raw = verdict { session.becomeRaw(isTLS: ClientHello.looksLikeTLS(held) == true) }
            return verdict
        } catch {
            session.log(
                .warning,
                "\(session.clientRecord.peername): next_layer cannot be '\(word)': \(error.reason); the proxy's own choice stays")
            return own
        }
    }

    private func enter(_ verdict: Detection.Verdict, on session: isolated Session) {
        guard session.client.isOpen else { return }
        session.client.setReading(true)
        switch verdict {
        case .tls(let hello):
            let bytes = held
            return session.tell { await session.intercept(hello, bytes) }
        case .passthrough:
            // Where the mode demands TLS with the server, a client without it gets that all the same.
            if session.ground.admits != .raw || ClientHello.looksLikeTLS(held) == true { session.forgoTLS() }
        // A connection made ahead may have been agreed to be HTTP/2's.
        case .raw: session.becomeRaw(isTLS: false)
        default: break
        }
        session.services.protocols.first { $0.claims(verdict) }?.start(session, held)
    }
}
