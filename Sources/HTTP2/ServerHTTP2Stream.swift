import CNghttp2
import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel

/// One exchange's stream of a connection to a server: writes the request, takes the response.
final class ServerHTTP2Stream: ServerStream {
    private let connection: ServerHTTP2Connection
    private let name: String
    private var id: Int32?
    private let incoming: IncomingBody
    /// The key that the client will hold against the answer, if the request asks for a WebSocket.
    private var webSocketKey: ByteString?
    private var method: ByteString = ""
    private var isOver = false
    private var priority: nghttp2_priority_spec?
    private weak var tunnel: BodyConduit?
    private var trailers: Headers?
    private(set) var responseHasBegun = false
    private(set) var length = BodyLength.none
    let head: AwaitedHead
    var response: BodyPipe { incoming.pipe }
    var client: (any ClientStream)?
    weak var feeding: (any BodySource)?

    init(_ connection: ServerHTTP2Connection, _ session: isolated Session) {
        self.connection = connection
        name = connection.name
        head = AwaitedHead(on: session.loop)
        incoming = IncomingBody(nil, connection)
    }

    // MARK: The request

    func prioritize(_ priority: StreamPriority) {
        self.priority = nghttp2_priority_spec(stream_id: 0, weight: Int32(priority.weight), exclusive: 0)
        if let id, let spec = self.priority, !isOver { connection.prioritize(id, spec) }
    }

    var takesBody: Bool { id.map { connection.engine.takesBody($0) } ?? true }

    func sendHead(_ request: Boxed<Request>, length: BodyLength) throws(ProxyFailure) {
        var request = request.value
        method = request.method
        if request.headers.hasToken("websocket", in: "Upgrade") {
            webSocketKey = request.headers.first("Sec-WebSocket-Key") ?? ""
        }
        guard webSocketKey == nil || connection.takesWebSockets else {
            throw ProxyFailure(
                .badMessage(status: 502), fault: .server, "\(name) takes no WebSockets within HTTP/2 (RFC 8441)")
        }
        let hasBody = length != .none || webSocketKey != nil
        request.headers.frame(length, hasBody: hasBody && webSocketKey == nil, describesBody: false)
        var fields = FieldList(request, isWebSocket: webSocketKey != nil)
        guard let id = connection.open(self, &fields, hasBody: hasBody, priority) else {
            throw ProxyFailure(.closed, fault: .server, retry: .yes, "\(name) takes no more requests on this connection")
        }
        self.id = id
        incoming.stream = id
    }

    func body(_ bytes: ByteBuffer) {
        guard let id, !isOver else { return }
        connection.engine.send(bytes, on: id)
        connection.peer.sendSoon()
    }

    func bodyEnded(trailers: Headers?) {
        // The stream of a WebSocket goes on after the request.
        guard let id, !isOver, webSocketKey == nil || tunnel != nil else { return }
        connection.engine.end(id, trailers: trailers)
        connection.peer.sendSoon()
    }

    func bodyFailed(_ failure: ProxyFailure) {
        head.fail(failure)
        abort()
    }

    // MARK: The response

    func received(_ block: HeaderBlock, endsStream: Bool) {
        let limit = connection.engine.limits.fieldList
        guard block.size <= limit else {
            return refuse("\(name) sent fields of \(block.size) bytes, at most \(limit) are read")
        }
        if responseHasBegun {
            trailers = block.fields
            trailers?.removeForbiddenTrailers()
            return
        }
        var response = Response(block)
        if (100..<200).contains(block.status) {
            // Informational by nature; 101 does not exist in HTTP/2 (RFC 9113 8.6).
            if block.status != 101 { client?.sendInformational(response) }
            return
        }
        responseHasBegun = true
        if let webSocketKey, (200..<300).contains(block.status) {
            response.statusCode = 101
            response.headers.append(name: "connection", value: "Upgrade")
            response.headers.append(name: "upgrade", value: "websocket")
            response.headers.append(name: "sec-websocket-accept", value: WebSocketKey.answer(to: webSocketKey))
            length = .none
        } else {
            length = endsStream || method == "HEAD" ? .none : block.contentLength.map { .exact($0) } ?? .unknown
        }
        head.resume(response)
    }

    /// Ends the stream for what came on it.
    private func refuse(_ note: String) {
        fail(ProxyFailure(.badMessage(status: 502), fault: .server, note))
        abort()
    }

    func received(_ bytes: ByteBuffer) { incoming.received(bytes) }
    func ended() { response.ended(trailers: trailers) }

    /// The stream is over, or was reset with that code.
    func closed(_ code: UInt32) {
        isOver = true
        tunnel?.streamClosed()
        guard !response.isEnded || head.isOpen else { return }
        let retry: ProxyFailure.Retry = code == NGHTTP2_REFUSED_STREAM.rawValue ? .yes : .no
        fail(ProxyFailure(.closed, fault: .server, retry: retry, "\(name) reset the stream: \(errorName(code))"))
    }

    /// The connection is gone.
    func lost(_ complaint: String?) {
        guard !isOver else { return }
        isOver = true
        tunnel?.streamClosed()
        if let complaint {
            fail(
                ProxyFailure(
                    .badMessage(status: 502), fault: .server, "\(name) sent a response that is not valid HTTP/2: \(complaint)"))
        } else {
            let retry: ProxyFailure.Retry = responseHasBegun ? .no : .ifReused
            let part = responseHasBegun ? "in the middle of its response" : "before its response"
            fail(ProxyFailure(.closed, fault: .server, retry: retry, "\(name) closed the connection \(part)"))
        }
    }

    private func fail(_ failure: ProxyFailure) {
        head.fail(failure)
        response.failed(failure)
    }

    func abort() {
        guard !isOver else { return }
        isOver = true
        if let id { connection.reset(id, NGHTTP2_CANCEL) }
        response.failed(.clientGone)
    }

    func takeOver() -> TunnelEnd? {
        let conduit = BodyConduit(incoming: response, outgoing: self, session: connection.session)
        tunnel = conduit
        return TunnelEnd(conduit)
    }
}
