import FlowModel
import NIOCore
import ProxyKernel

extension ClientStream {
    /// A whole response at once.
    func sendWhole(_ response: Boxed<Response>, _ content: ByteBuffer) {
        let trailers = response.value.trailers
        sendHead(response, length: trailers.isPresent ? .unknown : .exact(content.readableBytes))
        if content.readableBytes > 0 { body(content) }
        bodyEnded(trailers: trailers)
    }

    /// A response of our own that says what went wrong, after which the connection closes.
    public func sendError(_ failure: ProxyFailure) {
        var response = Response()
        response.statusCode = failure.status
        response.reason = ByteString(StatusText.of(failure.status))
        response.headers = Headers([("Server", "weir"), ("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close")])
        sendWhole(
            Boxed(response), ByteBuffer(string: "\(failure.status) \(StatusText.of(failure.status)): \(failure.note)\n"))
    }
}
