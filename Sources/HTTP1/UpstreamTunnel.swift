import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel
import Schema

extension HTTP1Layer {
    /// CONNECT to an upstream proxy, with *http_connect_upstream* before it.
    public static let openTunnel: TunnelOpener = { (server, address, session, waiter) throws(ProxyFailure) in
        var flow = HTTPFlow(
            id: Identifier.uuid4(), client: session.frozenClientRecord, server: server.frozenRecord,
            timestampCreated: WallClock.now)
        let authority = Authority(host: address.host, port: address.port).description
        flow.request.method = "CONNECT"
        flow.request.httpVersion = "HTTP/1.1"
        (flow.request.host, flow.request.port) = (address.host, address.port)
        flow.request.authority = ByteString(authority)
        flow.request.path = ""
        flow.request.headers = Headers([("Host", authority)])
        flow.request.timestampStart = WallClock.now
        var event = FlowEvent(flow)
        try await session.hooks.run(HTTPHooks.table.connectUpstream, &event, waiter: waiter)
        let answer = TunnelAnswer(server, address, on: session.loop)
        server.peer.consumer = answer
        var bytes = server.peer.buffer(capacity: 256)
        let head = RequestHead(method: "CONNECT", target: ByteString(authority), headers: event.http.request.headers)
        MessageWriter.write(head, into: &bytes)
        server.peer.write(bytes)
        _ = try await answer.granted.wait(as: waiter)
        return answer.takeRemaining()
    }
}

/// Reads what an upstream proxy answers to CONNECT. Confined to its session's loop.
private final class TunnelAnswer: ByteConsumer {
    let granted: Pending<Bool>
    private let proxy: String
    private let target: Address
    private var parser = ResponseParser()

    init(_ server: ServerConnection, _ target: Address, on loop: any EventLoop) {
        granted = Pending(on: loop)
        proxy = "upstream proxy \(server.key.route.via?.address ?? target)"
        self.target = target
        parser.expectResponse(toMethod: "CONNECT")
    }

    /// What stands behind the proxy's consent, and has come until now.
    func takeRemaining() -> ByteBuffer { parser.takeRemaining() }

    func received(_ bytes: ByteBuffer, on session: isolated Session) {
        parser.received(bytes)
        read()
    }

    func inputClosed(on session: isolated Session) {
        parser.inputClosed()
        read()
    }

    func becameWritable(on session: isolated Session) {}
    func closed(on session: isolated Session) { inputClosed(on: session) }

    private func read() {
        while granted.isOpen {
            switch parser.next() {
            case .needMore: return
            case .informational: continue
            case .head(let head, _) where (200..<300).contains(head.status): granted.resume(true)
            case .head(let head, _): refused(head)
            case .failed(let failure): fail("answered CONNECT \(target) with something that is not HTTP: \(failure)")
            case .body, .end, .closed: fail("closed the connection before it answered CONNECT \(target)")
            }
        }
    }

    private func refused(_ head: ResponseHead) {
        let status = "\(head.status) \(head.reason)"
        let hint = head.status == 407 ? "; see the option upstream_auth" : ""
        fail("refused CONNECT \(target): \(status)\(hint)")
    }

    private func fail(_ what: String) { granted.fail(ProxyFailure(.connect, fault: .server, "\(proxy) \(what)")) }
}
