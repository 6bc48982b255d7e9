import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// The queries of one client over UDP: each datagram one. Confined to the association's loop.
final class DatagramClient: DatagramConsumer {
    private let layer: DNSLayer
    /// By their octets: a client that repeats a query while the answer is on its way gets one answer.
    private var exchanges: [[UInt8]: DNSExchange] = [:]

    init(layer: DNSLayer) { self.layer = layer }

    func received(_ bytes: ByteBuffer, on association: isolated Association) {
        let octets = Array(bytes.readableBytesView)
        guard exchanges[octets] == nil else { return }
        let peer = association.clientRecord.peername
        switch Incoming(octets) {
        case .noQuery(let note): association.log(.info, "\(peer): dropped: \(note)")
        case .malformed(let answer, let note):
            association.log(.info, "\(peer): \(note)")
            association.send(ByteBuffer(bytes: answer))
        case .query(let message): answer(message, octets, on: association)
        }
    }

    private func answer(_ message: DNSMessage, _ octets: [UInt8], on association: isolated Association) {
        guard layer.beginQuery(association.services) else {
            association.log(.warning, DNSLayer.full(association.services))
            if let answer = try? message.failed(.serverFailure).octets() { association.send(ByteBuffer(bytes: answer)) }
            return
        }
        let exchange = DNSExchange(
            .begun(message, client: association.frozenClientRecord, server: association.targetRecord), octets: octets,
            from: layer.source(for: association.mode.kind), limit: message.acceptedDatagram, loop: association.loop,
            services: association.services, hooks: association.hooks,
            send: { answer in association.assumeIsolated { $0.send(ByteBuffer(bytes: answer)) } })
        exchanges[octets] = exchange
        association.tell { [self] in
            await exchange.run(on: association)
            exchanges[octets] = nil
            layer.endQuery()
        }
    }

    func ended(_ end: AssociationEnd, on association: isolated Association) {
        for exchange in exchanges.values { exchange.clientLeft() }
    }
}

extension DNSFlow {
    /// The flow of a query that has just come.
    static func begun(_ message: DNSMessage, client: Frozen<Client>, server: Frozen<Server>) -> DNSFlow {
        var flow = DNSFlow(id: Identifier.uuid4(), client: client, server: server, timestampCreated: WallClock.now)
        flow.request = message
        flow.request.timestamp = flow.timestampCreated
        return flow
    }
}
