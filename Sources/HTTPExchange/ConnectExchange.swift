import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// A CONNECT request: granted, it turns the client's connection into a tunnel that is inspected anew. Confined to its session's loop.
///
/// It can be named and killed while it lasts, and is not kept afterwards: what matters goes through the tunnel.
public final class ConnectExchange: @unchecked Sendable {
    public private(set) var flow: HTTPFlow
    public let loop: any EventLoop
    private let client: any ClientStream
    public let waiter = Waiter()

    public init(flow: HTTPFlow, loop: any EventLoop, client: any ClientStream) {
        self.flow = flow
        self.loop = loop
        self.client = client
    }

    public func run(on session: isolated Session) async {
        session.services.flows.add(self, id: flow.id)
        defer { session.services.flows.remove(flow.id) }
        do throws(ProxyFailure) {
            try await fire(HTTPHooks.table.connect, on: session)
            if let response = flow.response, !(200..<300).contains(response.statusCode) {
                try await fire(HTTPHooks.table.connectError, on: session)
                return try await refuse(response, on: session)
            }
            let target = Address(host: flow.request.host, port: flow.request.port)
            let eager = try await session.dialAhead(target, waiter: waiter)
            if let eager { flow.server = eager.frozenRecord }
            flow.response = flow.response ?? Self.established()
            try await fire(HTTPHooks.table.connected, on: session)
            enterTunnel(to: target, eager, on: session)
        } catch {
            await fail(error, on: session)
        }
    }

    private func enterTunnel(to target: Address, _ eager: ServerConnection?, on session: isolated Session) {
        client.sendHead(flow.boxedResponse ?? Boxed(Self.established()), length: .none)
        let early = client.takeOver()?.early ?? ByteBuffer()
        session.enterTunnel(to: target, eager: eager, early: early)
    }

    private func refuse(_ response: Response, on session: isolated Session) async throws(ProxyFailure) {
        if case .file(let file) = response.content {
            client.sendHead(Boxed(response), length: .exact(file.size))
            return try await BodyFileSource.pipe(file, on: loop).pass(to: client, waiter: waiter, on: session)
        }
        client.sendHead(Boxed(response), length: .exact(response.content.buffer?.readableBytes ?? 0))
        if let bytes = response.content.buffer { client.body(bytes) }
        client.bodyEnded(trailers: nil)
    }

    private func fail(_ failure: ProxyFailure, on session: isolated Session) async {
        flow.error = FlowError(failure.what == .killed ? FlowError.killedMessage : failure.note, at: WallClock.now)
        session.log(.info, "\(flow.client.value.peername): CONNECT \(flow.request.url): \(failure.note)")
        waiter.reopen()
        _ = try? await fire(HTTPHooks.table.connectError, on: session)
        if failure.endsSilently || client.headWasSent { client.abort() } else { client.sendError(failure) }
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

extension ConnectExchange: TrackedFlow {
    public var isLive: Bool { true }
    public var isKillable: Bool { waiter.ended == nil && flow.error == nil }
    public var anyFlow: AnyFlow { flow.any }
    public func edit(_ change: (inout AnyFlow) -> Void) {
        flow.change(change)
        guard flow.error?.message == FlowError.killedMessage else { return }
        flow.error = nil
        _ = kill()
    }

    /// It never stands still.
    public func resume() -> Bool { false }
    public func whenResumed() -> EventLoopFuture<Void> { loop.makeSucceededVoidFuture() }

    public func kill() -> Bool {
        guard isKillable else { return false }
        waiter.end(.killed("the flow was killed"))
        return true
    }
}
