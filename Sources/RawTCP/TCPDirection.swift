import FlowModel
import NIOCore
import ProxyKernel

/// One way of a raw TCP connection: takes what a side sends, shows it to whoever wants to see it, and passes on what is left of it.
/// Confined to its session's loop.
///
/// Messages keep their order and wait for one another; the other direction does not wait for them.
final class TCPDirection: ByteConsumer, @unchecked Sendable {
    /// Bytes that wait for a worker at most, about, before the side that sends is read no more.
    private static let highWaterMark = 256 * 1024

    let isFromClient: Bool
    private let exchange: TransportExchange<TCP>
    private let tunnel: TCPTunnel
    private var from: (any Conduit)?
    private var to: (any Conduit)?
    private var waiting = WaitingPieces()
    private let waiter = Waiter()
    private var isCarrying = false
    private var sourceEnded = false
    /// Everything was passed on, or nothing will be any more.
    private(set) var isDone = false

    init(isFromClient: Bool, _ tunnel: TCPTunnel, _ exchange: TransportExchange<TCP>) {
        self.isFromClient = isFromClient
        self.tunnel = tunnel
        self.exchange = exchange
    }

    /// Takes what comes from now on; `early` was read already.
    func listen(to source: any Conduit, early: ByteBuffer) {
        from = source
        source.consumer = self
        sourceEnded = source.inputIsClosed
        waiting.append(early)
        regulate()
    }

    /// What waits can go from now on.
    func open(to destination: any Conduit, on session: isolated Session) {
        to = destination
        carryOn(on: session)
        regulate()
    }

    /// Passes no more on, whatever comes.
    func stop(_ failure: ProxyFailure) {
        isDone = true
        waiting.removeAll()
        waiter.end(failure)
    }

    func inject(_ content: ByteString, on session: isolated Session) throws(InjectionRefusal) {
        let side = isFromClient ? "server" : "client"
        guard !isDone, !sourceEnded || isCarrying else { throw InjectionRefusal("nothing more can be sent to the \(side)") }
        guard waiting.bytes <= Self.highWaterMark else {
            throw InjectionRefusal(.overloaded, "\(waiting.bytes) bytes wait for the \(side) already")
        }
        waiting.appendWhole(ByteBuffer(bytes: content.bytes))
        carryOn(on: session)
    }

    // MARK: The side that sends

    func received(_ bytes: ByteBuffer, on session: isolated Session) {
        guard !isDone else { return }
        if let to, !isCarrying, !exchange.isObserved {
            exchange.count()
            to.write(bytes)
        } else {
            waiting.append(bytes)
            carryOn(on: session)
        }
        regulate()
    }

    func inputClosed(on session: isolated Session) {
        sourceEnded = true
        carryOn(on: session)
    }

    /// The other direction, which ends here, may go on.
    func becameWritable(on session: isolated Session) { tunnel.other(of: self)?.regulate() }

    func closed(on session: isolated Session) {
        // The end of a side that was told of the other's end before comes as this alone. A client may break off then: it has all.
        let isEnd = !sourceEnded && tunnel.other(of: self)?.isDone == true && (isFromClient || from?.isBroken == false)
        if isEnd { inputClosed(on: session) } else { tunnel.lost(self, hasEnded: sourceEnded) }
    }

    // MARK: The side that receives

    /// Reads as long as what is read can go on its way.
    private func regulate() {
        guard !isDone else { return }
        from?.setReading(waiting.bytes <= Self.highWaterMark && to?.isWritable ?? true)
    }

    /// Passes on what waits, if nobody does so.
    func carryOn(on session: isolated Session) {
        guard to != nil, !isCarrying, !isDone else { return }
        guard !waiting.isEmpty else {
            if sourceEnded { finish() }
            return
        }
        isCarrying = true
        session.tell { await self.carry(on: session) }
    }

    private func carry(on session: isolated Session) async {
        do throws(ProxyFailure) {
            while !isDone, let piece = waiting.next() {
                let message = try await exchange.pass(piece, isFromClient: isFromClient, as: waiter)
                guard !isDone else { break }
                to?.write(message)
                regulate()
            }
        } catch {
            tunnel.broke(error)
        }
        isCarrying = false
        if sourceEnded, !isDone { finish() }
    }

    /// The end passes on behind the last message. That of the second direction ends the connections too, which is the tunnel's.
    private func finish() {
        isDone = true
        if tunnel.other(of: self)?.isDone == false { to?.closeOutput() }
        tunnel.directionEnded()
    }
}
