import FlowModel
import ProxyKernel

/// A request that could not be read: the client is told why, with *requestheaders* and *error* as the events.
public final class RefusedExchange {
    private var flow: HTTPFlow
    private let client: any ClientStream
    private let failure: ProxyFailure

    public init(flow: HTTPFlow, client: any ClientStream, failure: ProxyFailure) {
        self.flow = flow
        self.client = client
        self.failure = failure
    }

    public func run(on session: isolated Session) async {
        session.services.meters.exchangeBegan()
        flow.error = FlowError(failure.note, at: WallClock.now)
        flow.request.method = ""
        flow.request.path = ""
        session.log(.info, "\(flow.client.value.peername): \(failure.note)")
        for hook in [HTTPHooks.table.requestheaders, HTTPHooks.table.error] {
            var event = FlowEvent(flow)
            _ = try? await session.hooks.run(hook, &event, waiter: nil)
        }
        client.sendError(failure)
        session.services.meters.exchangeEnded(flow.request.httpVersion, status: flow.response?.statusCode)
        session.services.flows.finish(flow.any, on: session.loop)
        session.services.recorder.record(flow.any, sizes: BodySizes())
    }
}
