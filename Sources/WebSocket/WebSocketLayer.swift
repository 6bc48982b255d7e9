import FlowModel
import HTTPExchange
import ProxyKernel
import Schema

/// WebSockets (RFC 6455) with permessage-deflate (RFC 7692), in the place of HTTP after their handshake.
public enum WebSocketLayer {
    public static let upgrade = UpgradeLayer(
        name: "websocket",
        claims: { $0.isWebSocket },
        prepare: { request, session in
            guard request.asksWebSocket, session.services.settings[WebSocketOptions.table.websocket] else { return }
            let refused = Compression.restrictOffers(in: &request.headers)
            guard !refused.isEmpty else { return }
            let names = refused.map { "'\($0)'" }.joined(separator: ", ")
            session.log(.debug, "\(request.url): not offered to the server: the WebSocket extensions \(names)")
        },
        announce: { flow, session in
            guard session.services.settings[WebSocketOptions.table.websocket] else { return }
            flow.websocket = Boxed(WebSocketData())
        },
        run: { exchange, upgrade, session in
            guard session.services.settings[WebSocketOptions.table.websocket] else {
                return Relay.join(upgrade.client, upgrade.server)
            }
            await Conversation(exchange, upgrade, session).run(on: session)
        })
}
