import HTTPExchange
import NIOCore
import ProxyKernel

/// A body that comes over a stream: read as far as its receiver takes it, so that the stream's window says how much may come.
final class IncomingBody {
    /// Nil until the stream is open.
    var stream: Int32?
    private weak var connection: HTTP2Connection?
    private var isReading = true
    private var unread = 0
    private(set) lazy var pipe = BodyPipe { [weak self] in self?.setReading($0) }

    init(_ stream: Int32?, _ connection: HTTP2Connection) {
        self.stream = stream
        self.connection = connection
    }

    func received(_ bytes: ByteBuffer) {
        unread += bytes.readableBytes
        pipe.received(bytes)
        release()
    }

    private func setReading(_ reads: Bool) {
        isReading = reads
        release()
    }

    private func release() {
        guard isReading, unread > 0, let stream else { return }
        connection?.consume(unread, on: stream)
        unread = 0
    }
}
