import CoreMetrics
import FlowModel
import NIOCore
import Observability

/// The handles of `ProxyInstruments`, made once. From any thread.
public final class ProxyMeters: Sendable {
    public enum Side: String, CaseIterable, Sendable {
        case client, server
    }

    /// One side's traffic and handshakes.
    public struct SideMeters: Sendable {
        public let received: Counter
        public let sent: Counter
        public let handshakes: Counter
        public let handshakeFailures: Counter

        init(_ side: Side, _ registry: MetricRegistry) {
            let table = ProxyInstruments.table
            received = registry.counter(table.bytes, side.rawValue, "received")
            sent = registry.counter(table.bytes, side.rawValue, "sent")
            handshakes = registry.counter(table.handshakes, side.rawValue)
            handshakeFailures = registry.counter(table.handshakeFailures, side.rawValue)
        }
    }

    public let registry: MetricRegistry
    public let client: SideMeters
    public let server: SideMeters
    let clientConnections: Counter
    let openClientConnections: Meter
    let serverConnections: Counter
    let openServerConnections: Meter
    private let exchanges: Counter
    private let openExchanges: Meter
    /// By version, then by class of status.
    private let requests: [Counter]

    private static let versions = ["1.0", "1.1", "2"]
    /// The same as requests have them.
    private static let named: [ByteString] = ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"]
    private static let classes = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"]

    public init(_ registry: MetricRegistry = MetricRegistry()) {
        let table = ProxyInstruments.table
        registry.declare(table)
        self.registry = registry
        client = SideMeters(.client, registry)
        server = SideMeters(.server, registry)
        clientConnections = registry.counter(table.clientConnections)
        openClientConnections = registry.gauge(table.openClientConnections)
        serverConnections = registry.counter(table.serverConnections)
        openServerConnections = registry.gauge(table.openServerConnections)
        exchanges = registry.counter(table.exchanges)
        openExchanges = registry.gauge(table.openExchanges)
        requests = Self.versions.flatMap { version in
            Self.classes.map { registry.counter(table.requests, version, $0) }
        }
    }

    /// Clients' connections that are open.
    public var openClients: Int { registry.sum(ProxyInstruments.table.openClientConnections) }

    public func exchangeBegan() {
        exchanges.increment()
        openExchanges.increment()
    }

    /// `status` is nil where there was no response.
    public func exchangeEnded(_ version: ByteString, status: Int?) {
        openExchanges.decrement()
        let version = Self.named.firstIndex(of: version) ?? 1
        let hundreds = (status ?? 0) / 100
        requests[version * Self.classes.count + ((1...5).contains(hundreds) ? hundreds : 0)].increment()
    }

    func connectFailed(_ failure: ProxyFailure) {
        registry.counter(ProxyInstruments.table.connectFailures, failure.what.word).increment()
    }

    /// Sets what is looked at only when it is asked for.
    public func measure(_ flows: FlowRegistry) {
        let (table, sizes) = (ProxyInstruments.table, flows.sizes)
        registry.record(table.flows, "live", is: Double(sizes.live))
        registry.record(table.flows, "ended", is: Double(sizes.ended))
        registry.record(table.storedBytes, is: Double(sizes.bytes))
        registry.record(table.evictedFlows, is: Double(sizes.evicted))
    }

    /// Looks once in 250 ms how late each loop is, until the tasks are cancelled.
    public func watch(_ loops: [any EventLoop]) -> [RepeatedTask] {
        let interval = TimeAmount.milliseconds(250)
        return loops.enumerated().map { index, loop in
            let lag = registry.timer(ProxyInstruments.table.loopLag, "\(index)")
            let due = NIOLoopBoundBox.makeBoxSendingValue(NIODeadline.now() + interval, eventLoop: loop)
            return loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
                let now = NIODeadline.now()
                lag.recordNanoseconds(max(0, (now - due.value).nanoseconds))
                due.value = now + interval
            }
        }
    }
}

extension ProxyFailure.What {
    /// The stable word of counters.
    public var word: String {
        switch self {
        case .badMessage: "bad_message"
        case .connect: "connect"
        case .tls: "tls"
        case .closed: "closed"
        case .timeout: "timeout"
        case .limit: "limit"
        case .killed: "killed"
        case .worker: "worker"
        case .cancelled: "cancelled"
        }
    }
}
