import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel

/// One request's side of the client's connection: writes its response.
final class ClientHTTP1Stream: ClientStream {
    /// Nil once it has let go of this. A weak reference would cost each request an allocation and several atomic operations.
    private unowned(unsafe) var connection: ClientConnection?
    private let peer: Peer
    private let method: ByteString
    private let version: HTTPVersion
    private let wantsPersistence: Bool
    private var owesContinue: Bool
    private var framing = Framing.none
    private var persists = true
    private(set) var headWasSent = false
    var requestIsComplete = false
    var responseIsComplete = false
    /// The pipe that feeds this response, told when the client can take more.
    weak var feeding: (any BodySource)?

    init(_ connection: ClientConnection, _ peer: Peer, _ head: RequestHead) {
        self.connection = connection
        self.peer = peer
        method = head.method
        version = head.version
        wantsPersistence = Persistence.persists(head.version, head.headers)
        owesContinue = head.version == .http11 && head.headers.hasToken("100-continue", in: "Expect")
    }

    /// The connection goes, or goes on without this.
    func leave() { connection = nil }

    var takesBody: Bool { peer.isWritable }

    var expectsContinue: Bool { owesContinue }

    func continueIfExpected() {
        guard owesContinue else { return }
        owesContinue = false
        peer.write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
    }

    func sendInformational(_ response: Response) {
        // HTTP/1.0 knows no interim responses.
        guard version == .http11, !headWasSent else { return }
        if response.statusCode == 100 { owesContinue = false }
        write(ResponseHead(status: response.statusCode, reason: response.reason, headers: response.headers))
    }

    func sendHead(_ response: Boxed<Response>, length: BodyLength) {
        headWasSent = true
        let status = response.value.statusCode
        let isTunnel = status == 101 || method.isExactly("CONNECT") && (200..<300).contains(status)
        var head = ResponseHead(status: status, reason: response.value.reason, headers: response.value.headers)
        // HTTP/2 has no reasons.
        if response.value.httpVersion.isExactly("HTTP/2.0"), head.reason.bytes.isEmpty {
            head.reason = ByteString(StatusText.of(status))
        }
        HopByHop.strip(&head.headers, relayingUpgrade: status == 101)
        framing = OutgoingFraming.apply(toResponse: &head.headers, status: status, method: method, length: length, peer: version)
        // Who was promised a 100 and gets a final answer may or may not send the body: the connection cannot go on.
        persists =
            wantsPersistence && framing != .untilClose && !owesContinue
            && !response.value.headers.hasToken("close", in: "Connection")
            && connection?.mayPersist != false
        if !isTunnel { Persistence.apply(to: &head.headers, persists: persists, peer: version) }
        write(head, room: framing.smallLength)
    }

    private func write(_ head: ResponseHead, room: Int = 0) {
        var bytes = peer.buffer(capacity: 512 + room)
        MessageWriter.write(head, into: &bytes)
        peer.write(bytes)
    }

    func body(_ bytes: ByteBuffer) {
        switch framing {
        case .none: break
        case .length, .untilClose: peer.write(bytes)
        case .chunked:
            var chunk = peer.buffer(capacity: bytes.readableBytes + 16)
            MessageWriter.writeChunk(bytes, into: &chunk)
            peer.write(chunk)
        }
    }

    func bodyEnded(trailers: Headers?) {
        if framing == .chunked {
            var end = peer.buffer(capacity: 64)
            MessageWriter.writeLastChunk(trailers: trailers, into: &end)
            peer.write(end)
        }
        connection?.responseEnded(persists: persists, peer)
    }

    func bodyFailed(_ failure: ProxyFailure) { abort() }

    func abort() {
        // After a part of a body that ends with the connection, only a reset says that it is not complete.
        if headWasSent, framing == .untilClose { peer.abort() } else { peer.close() }
    }

    func takeOver() -> TunnelEnd? { TunnelEnd(peer, early: connection?.takeOver() ?? ByteBuffer()) }

    func becameWritable() { feeding?.sinkIsReady() }
}
