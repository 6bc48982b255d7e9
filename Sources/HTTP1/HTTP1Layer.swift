import HTTPExchange
import NIOCore
import ProxyKernel

/// HTTP/1.0 and HTTP/1.1, on both sides.
public enum HTTP1Layer {
    public static func registration(_ parts: HTTPParts) -> ProtocolLayer {
        ProtocolLayer(
            name: "http",
            claims: { if case .http = $0 { true } else { false } },
            start: { session, bytes in
                let connection = ClientConnection(session, parts)
                session.client.consumer = connection
                connection.received(bytes, on: session)
            })
    }

    /// Starts an exchange on a server's connection that speaks HTTP/1.
    public static let makeServerStream: ServerStreamFactory = { server, session in ServerHTTP1Stream(server, session) }
}
