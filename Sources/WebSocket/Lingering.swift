import NIOCore
import ProxyKernel

/// A conduit on which everything was said: it is read on until its other side closes, for a few seconds at most.
///
/// Closed at once with bytes unread, it could be reset, and the last frame be lost on its way.
final class Lingering: ByteConsumer {
    private static let time = TimeAmount.seconds(5)

    private let conduit: any Conduit
    private var alarm: Scheduled<Void>?

    private init(_ conduit: any Conduit) { self.conduit = conduit }

    static func begin(_ conduit: any Conduit, on session: isolated Session) {
        guard conduit.isOpen else {
            conduit.consumer = nil
            return
        }
        if conduit.inputIsClosed {
            conduit.consumer = nil
            return conduit.close()
        }
        let lingering = Lingering(conduit)
        conduit.consumer = lingering
        conduit.setReading(true)
        conduit.closeOutput()
        lingering.alarm = session.loop.assumeIsolated().scheduleTask(in: time) { [weak lingering] in lingering?.end() }
    }

    private func end() {
        alarm?.cancel()
        alarm = nil
        conduit.consumer = nil
        conduit.close()
    }

    func received(_ bytes: ByteBuffer, on session: isolated Session) {}
    func becameWritable(on session: isolated Session) {}
    func inputClosed(on session: isolated Session) { end() }
    func closed(on session: isolated Session) { end() }
}
