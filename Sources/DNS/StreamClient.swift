import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// The queries of one client over TCP: as many at a time as it likes, up to a bound, answered in the order in which the answers come
/// (RFC 7766 6.2.1.1, 7). Confined to the session's loop.
final class StreamClient: ByteConsumer {
    /// More wait in the system's buffers.
    private static let maximumUnderWay = 128

    private let layer: DNSLayer
    private var framing = StreamFraming()
    private var exchanges: [ObjectIdentifier: DNSExchange] = [:]
    private var clientIsDone = false

    init(layer: DNSLayer) { self.layer = layer }

    func begin(on session: isolated Session, _ bytes: ByteBuffer) {
        session.client.consumer = self
        framing.received(bytes)
        take(on: session)
        if session.client.inputIsClosed { inputClosed(on: session) }
    }

    func received(_ bytes: ByteBuffer, on session: isolated Session) {
        framing.received(bytes)
        take(on: session)
    }

    func inputClosed(on session: isolated Session) {
        clientIsDone = true
        closeIfDone(on: session)
    }

    func becameWritable(on session: isolated Session) { take(on: session) }

    func closed(on session: isolated Session) { for exchange in exchanges.values { exchange.clientLeft() } }

    /// Begins what has come whole, as far as there is room.
    private func take(on session: isolated Session) {
        while hasRoom(session), let octets = framing.next() {
            switch Incoming(octets) {
            case .noQuery(let note):
                session.log(.info, "\(session.clientRecord.peername): the connection is closed: \(note)")
                return session.client.close()
            case .malformed(let answer, let note):
                session.log(.info, "\(session.clientRecord.peername): \(note)")
                session.client.write(StreamFraming.framed(answer))
            case .query(let message): answer(message, octets, on: session)
            }
        }
        session.client.setReading(hasRoom(session))
    }

    private func hasRoom(_ session: isolated Session) -> Bool {
        session.client.isOpen && session.client.isWritable && exchanges.count < Self.maximumUnderWay
    }

    private func answer(_ message: DNSMessage, _ octets: [UInt8], on session: isolated Session) {
        guard layer.beginQuery(session.services) else {
            session.log(.warning, DNSLayer.full(session.services))
            if let answer = try? message.failed(.serverFailure).octets() { session.client.write(StreamFraming.framed(answer)) }
            return
        }
        let exchange = DNSExchange(
            .begun(message, client: session.frozenClientRecord, server: session.targetRecord), octets: octets,
            from: layer.source(for: session.ground), limit: nil, loop: session.loop, services: session.services,
            hooks: session.hooks,
            send: { answer in session.assumeIsolated { $0.client.write(StreamFraming.framed(answer)) } })
        exchanges[ObjectIdentifier(exchange)] = exchange
        session.openExchanges += 1
        session.tell { [self] in
            await exchange.run(on: session)
            session.openExchanges -= 1
            exchanges[ObjectIdentifier(exchange)] = nil
            layer.endQuery()
            take(on: session)
            closeIfDone(on: session)
        }
    }

    private func closeIfDone(on session: isolated Session) {
        if exchanges.isEmpty, clientIsDone || session.isDraining { session.client.close() }
    }
}
