import CNghttp2
import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel

/// One request's stream of a client's connection: takes its request, writes its response.
final class ClientHTTP2Stream: ClientStream, @unchecked Sendable {
    let id: Int32
    private weak var connection: HTTP2Connection?
    private let method: ByteString
    /// Asks for a WebSocket (RFC 8441).
    let isWebSocket: Bool
    let body: IncomingBody
    /// Told once if the stream ends before its time.
    var whenLost: ((ProxyFailure) -> Void)?
    /// The other side of the tunnel that the stream becomes, once it does.
    private var farEnd: (any Conduit)?
    private(set) var requestIsComplete = false
    private(set) var headWasSent = false
    private var owesContinue: Bool
    private var hasBody = false
    private var trailers: Headers?
    private weak var tunnel: BodyConduit?
    /// What the client said of the stream's urgency.
    var priority: StreamPriority? {
        didSet { if let priority { whenReprioritized?(priority) } }
    }
    var whenReprioritized: ((StreamPriority) -> Void)?
    weak var feeding: (any BodySource)?

    init(_ id: Int32, _ connection: HTTP2Connection, _ block: HeaderBlock) {
        self.id = id
        self.connection = connection
        method = block.method
        isWebSocket = block.method == "CONNECT" && block.protocol == "websocket"
        owesContinue = block.fields.hasToken("100-continue", in: "expect")
        body = IncomingBody(id, connection)
    }

    var requestBody: BodyPipe { body.pipe }

    // MARK: The request

    func receivedTrailers(_ block: HeaderBlock) {
        trailers = block.fields
        trailers?.removeForbiddenTrailers()
    }

    func ended() {
        requestIsComplete = true
        requestBody.ended(trailers: trailers)
    }

    /// The stream is over: reset with that code, or lost with its connection if there is none.
    func closed(_ code: UInt32?) {
        connection = nil
        tunnel?.streamClosed()
        defer { whenLost = nil }
        guard code != NGHTTP2_NO_ERROR.rawValue || !requestIsComplete else { return }
        let failure =
            code.map { ProxyFailure(.cancelled, fault: .client, "the client reset the stream: \(errorName($0))") } ?? .clientGone
        requestBody.failed(failure)
        whenLost?(failure)
    }

    /// Whether what may still come of the request has a taker.
    var requestIsWanted: Bool { requestIsComplete || tunnel?.isOpen == true }

    // MARK: The response

    var takesBody: Bool { connection.map { $0.engine.takesBody(id) } ?? true }
    var expectsContinue: Bool { owesContinue }

    func continueIfExpected() {
        guard owesContinue else { return }
        owesContinue = false
        sendInterim(100, Headers())
    }

    func sendInformational(_ response: Response) {
        guard !headWasSent, response.statusCode != 101 else { return }
        if response.statusCode == 100 { owesContinue = false }
        sendInterim(response.statusCode, response.headers)
    }

    private func sendInterim(_ status: Int, _ headers: Headers) {
        var fields = FieldList(status: status, headers)
        connection?.engine.submitInterim(&fields, on: id)
        connection?.peer.sendSoon()
    }

    func sendHead(_ response: Boxed<Response>, length: BodyLength) {
        headWasSent = true
        var status = response.value.statusCode
        var headers = response.value.headers
        let opensTunnel = isWebSocket && status == 101 || method == "CONNECT" && (200..<300).contains(status)
        if opensTunnel {
            status = 200
            headers.remove("Sec-WebSocket-Accept")
        }
        hasBody = opensTunnel || length != .none && method != "HEAD" && status != 204 && status != 304
        headers.frame(length, hasBody: hasBody && !opensTunnel, describesBody: method == "HEAD" || status == 304)
        var fields = FieldList(status: status, headers)
        connection?.engine.submitResponse(&fields, on: id, hasBody: hasBody)
        connection?.peer.sendSoon()
    }

    func body(_ bytes: ByteBuffer) {
        connection?.engine.send(bytes, on: id)
        connection?.peer.sendSoon()
    }

    func bodyEnded(trailers: Headers?) {
        connection?.engine.end(id, trailers: trailers)
        connection?.peer.sendSoon()
    }

    func bodyFailed(_ failure: ProxyFailure) { abort() }
    func abort() { connection?.reset(id, NGHTTP2_INTERNAL_ERROR) }

    var isTunnel: Bool { tunnel != nil }

    /// What runs in the stream may have words for the end as well.
    func drain() { (tunnel?.consumer as? any DrainingConsumer)?.drain() }

    /// Has what comes after a CONNECT go through that conduit.
    func tunnelsTo(_ conduit: any Conduit) { farEnd = conduit }

    func takeOver() -> TunnelEnd? {
        guard let connection else { return nil }
        let conduit = BodyConduit(incoming: requestBody, outgoing: self, session: connection.session)
        tunnel = conduit
        guard let farEnd else { return TunnelEnd(conduit) }
        // The session at the far end has its client's connection already.
        Relay.join(TunnelEnd(conduit), TunnelEnd(farEnd))
        return nil
    }
}
