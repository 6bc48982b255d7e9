import FlowModel
import NIOCore
import ProxyKernel
import Schema
import Synchronization

/// Sends requests of ended flows once more, with all their events but the client's, one after the other or all at once.
///
/// A replayed flow keeps its id and `timestamp_created`, and takes the ended one's place among the flows. `replay` may be called from any
/// thread; all else is confined to `loop`.
public final class ClientReplay: FlowReplays, @unchecked Sendable {
    private let loop: any EventLoop
    private let executor: LoopExecutor
    private let services: Services
    private let hooks: any HookPort
    private let parts: HTTPParts
    private let concurrency: Int
    private var queue: [HTTPFlow] = []
    private let count = Mutex(0)
    private var running: [String: Exchange] = [:]
    private var isStopping = false
    private var idle: [EventLoopPromise<Void>] = []

    public init(loop: any EventLoop, services: Services, hooks: any HookPort, parts: HTTPParts) {
        self.loop = loop
        executor = LoopExecutor(loop)
        self.services = services
        self.hooks = hooks
        self.parts = parts
        let concurrency = services.settings[ProxyOptions.table.replayConcurrency]
        self.concurrency = concurrency < 1 ? .max : concurrency
    }

    public func replay(_ flow: HTTPFlow) throws(ReplayRefusal) {
        if let reason = Self.obstacle(flow) { throw ReplayRefusal(reason) }
        count.withLock { $0 += 1 }
        loop.execute {
            guard !self.isStopping else { return }
            self.queue.append(flow)
            self.pump()
        }
    }

    public var waiting: Int { count.withLock { $0 } }

    /// Succeeds when nothing is queued or under way.
    public func whenIdle() -> EventLoopFuture<Void> {
        loop.flatSubmit {
            let promise = self.loop.makePromise(of: Void.self)
            if self.isIdle { promise.succeed() } else { self.idle.append(promise) }
            return promise.futureResult
        }
    }

    /// Forgets what is queued, and ends what is under way.
    public func stop() -> EventLoopFuture<Void> {
        loop.flatSubmit {
            self.isStopping = true
            self.queue = []
            for exchange in self.running.values { exchange.waiter.end(.killed("the proxy stops")) }
            return self.whenIdle()
        }
    }

    private static func obstacle(_ flow: HTTPFlow) -> String? {
        if flow.request.method.isEmpty { return "the request could not be read" }
        if flow.request.method == "CONNECT" { return "a CONNECT request is not replayed" }
        if flow.response?.statusCode == 101 { return "a flow that became another protocol is not replayed" }
        if flow.request.content.buffer == nil, !flow.request.content.isHeld {
            return "the request's body was not kept; see store_content"
        }
        return nil
    }

    private var isIdle: Bool { queue.isEmpty && running.isEmpty }

    private func pump() {
        while running.count < concurrency, !queue.isEmpty {
            // The same flow twice: one after the other.
            guard running[queue[0].id] == nil else { return }
            count.withLock { $0 -= 1 }
            begin(queue.removeFirst())
        }
        if isIdle {
            for promise in idle { promise.succeed() }
            idle = []
        }
    }

    private func begin(_ old: HTTPFlow) {
        var flow = old.prepareReplay()
        let target = Address(host: flow.request.host, port: flow.request.port)
        flow.server = Frozen(Server(id: Identifier.uuid4(), address: target))
        let content = flow.request.content
        flow.request.content = .missing
        let body: BodyPipe
        if case .file(let file) = content {
            body = BodyFileSource.pipe(file, trailers: flow.request.trailers, on: loop)
        } else {
            body = BodyPipe { _ in }
            if content.isHeld, let bytes = content.buffer { body.received(bytes) }
            body.ended(trailers: flow.request.trailers)
        }
        let hasBody = content.isHeld || flow.request.trailers != nil
        let exchange = Exchange(
            flow: flow, loop: loop, client: ReplayedStream(), requestBody: body,
            requestLength: hasBody ? .exact(content.size ?? 0) : .none, asksUpgrade: false, keepsContent: true,
            store: services.present.bodies, parts: parts)
        running[flow.id] = exchange
        let session = Session(
            replayingFor: flow.client.value, ground: Ground(replaying: flow, services.settings), services: services, hooks: hooks,
            executor: executor
        )
        // A server that never answers must not hold up the queue.
        let limit = services.settings[ProxyOptions.table.tcpTimeout]
        let alarm = loop.scheduleTask(in: .seconds(Int64(limit))) {
            exchange.waiter.end(
                ProxyFailure(.timeout, fault: .server, "no whole response from \(target) within \(limit) seconds"))
        }
        session.assumeIsolated { session in
            session.tell {
                await exchange.run(on: session)
                alarm.cancel()
                session.endReplay()
                self.ended(flow.id)
            }
        }
    }

    private func ended(_ id: String) {
        running[id] = nil
        pump()
    }
}

extension Ground {
    /// As in a tunnel to the server, so that TLS asks for the name that the request has.
    fileprivate init(replaying flow: HTTPFlow, _ settings: Settings) {
        self.init(mode: .regular)
        // Whoever sent it once: it goes the way that requests go now.
        via = settings[ProxyOptions.table.mode].first.flatMap { try? ModeSpec($0) }.flatMap { Ground(mode: $0).via }
        target = Address(host: flow.request.host, port: flow.request.port)
        targetUsesTLS = flow.request.scheme == "https"
        isTunnel = true
        serverName = flow.request.prettyHost
    }
}

/// The client's side of a replayed request, where nobody listens.
private final class ReplayedStream: ClientStream {
    let expectsContinue = false
    private(set) var headWasSent = false
    let takesBody = true
    weak var feeding: (any BodySource)?

    func continueIfExpected() {}
    func sendInformational(_ response: Response) {}
    func sendHead(_ response: Boxed<Response>, length: BodyLength) { headWasSent = true }
    func body(_ bytes: ByteBuffer) {}
    func bodyEnded(trailers: Headers?) {}
    func bodyFailed(_ failure: ProxyFailure) {}
    func abort() {}
    func takeOver() -> TunnelEnd? { nil }
}
