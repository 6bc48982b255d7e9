import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// A CONNECT request: granted, it turns the client's connection into a tunnel that is inspected anew.
package final class ConnectExchange {
    private var flow: HTTPFlow
    private let client: any ClientStream
    package let waiter = Waiter()

    package init(flow: HTTPFlow, client: any ClientStream) {
        self.flow = flow
        self.client = client
    }

    package func run(on session: isolated Session) async {
        do throws(ProxyFailure) {
            try await fire(HTTPHooks.table.connect, on: session)
            if let response = flow.response, !(200..<300).contains(response.statusCode) {
                try await fire(HTTPHooks.table.connectError, on: session)
                return refuse(response)
            }
            let target = Address(host: flow.request.host, port: flow.request.port)
            let key = ServerKey(address: target, tls: false, serverName: nil)
            if session.isEager {
                let server = try await session.dial(key, waiter: waiter)
                server.isIdle = true
                flow.server = server.frozenRecord
            }
            flow.response = flow.response ?? Self.established()
            try await fire(HTTPHooks.table.connected, on: session)
            enterTunnel(to: target, key, on: session)
        } catch {
            await fail(error, on: session)
        }
    }

    private func enterTunnel(to target: Address, _ key: ServerKey, on session: isolated Session) {
        client.sendHead(flow.response ?? Self.established(), length: .none)
        session.ground.target = target
        session.ground.isTunnel = true
        session.ground.targetUsesTLS = false
        session.ground.clientUsesTLS = false
        session.ground.eagerServer = session.isEager ? key : nil
        let sniffer = Sniffer(admitsRaw: true)
        let early = client.takeOver()
        session.openExchanges -= 1
        session.client.consumer = sniffer
        sniffer.arm(on: session)
        if early.readableBytes > 0 { sniffer.received(early, on: session) }
    }

    private func refuse(_ response: Response) {
        client.sendHead(response, length: .exact(response.content.buffer?.readableBytes ?? 0))
        if let bytes = response.content.buffer { client.body(bytes) }
        client.bodyEnded(trailers: nil)
    }

    private func fail(_ failure: ProxyFailure, on session: isolated Session) async {
        flow.error = FlowError(failure.note, at: WallClock.now)
        session.log(.info, "\(flow.client.value.peername): CONNECT \(flow.request.url): \(failure.note)")
        waiter.reopen()
        _ = try? await fire(HTTPHooks.table.connectError, on: session)
        if failure.endsSilently { client.abort() } else { client.sendError(failure) }
    }

    private static func established() -> Response {
        var response = Response()
        response.reason = "Connection established"
        return response
    }

    private func fire(_ hook: Hook<FlowEvent>, on session: isolated Session) async throws(ProxyFailure) {
        var event = FlowEvent(flow)
        try await session.hooks.run(hook, &event, waiter: waiter)
        flow = event.http
    }
}
