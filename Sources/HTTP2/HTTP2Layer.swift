import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel

/// HTTP/2, on both sides.
public enum HTTP2Layer {
    public static func registration(_ parts: HTTPParts) -> ProtocolLayer {
        ProtocolLayer(
            name: "http",
            claims: { if case .http2 = $0 { true } else { false } },
            start: { session, bytes in
                session.ground.mirrorHTTP2()
                let connection = ClientHTTP2Connection(session, parts)
                session.client.consumer = connection
                connection.received(bytes, on: session)
            })
    }

    /// Makes HTTP/2 of a server's connection.
    public static let multiplex: MultiplexerFactory = { server, session in ServerHTTP2Connection(server, session) }

    /// Starts an exchange on a server's connection that speaks HTTP/2; nil if it does not.
    public static func makeServerStream(_ server: ServerConnection, _ session: isolated Session) -> (any ServerStream)? {
        (server.multiplexer as? ServerHTTP2Connection).map { ServerHTTP2Stream($0, session) }
    }

    /// Goes on in HTTP/2 behind a request in HTTP/1 that asked for it, which becomes the first stream (RFC 7540 3.2).
    public static func makeUpgrade(_ parts: HTTPParts) -> CleartextUpgrade {
        { request, settings, early, session in
            let connection = ClientHTTP2Connection(session, parts)
            guard connection.engine.upgrade(settings: settings, isHead: request.method == "HEAD") else { return false }
            session.ground.mirrorHTTP2()
            session.client.consumer = connection
            session.client.write(
                ByteBuffer(string: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"))
            var request = request
            for name in ["Upgrade", "HTTP2-Settings", "Connection"] { request.headers.remove(named: name) }
            connection.begin(request, on: session)
            if early.readableBytes > 0 { connection.received(early, on: session) }
            return true
        }
    }
}

extension Ground {
    /// In a tunnel without TLS the client knows its server: what it speaks is tried there first.
    fileprivate mutating func mirrorHTTP2() {
        if !clientUsesTLS, isTunnel, cleartextHTTP2 == .no { cleartextHTTP2 = .ifSpoken }
    }
}
