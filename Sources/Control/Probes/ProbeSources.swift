import NIOCore
import Observability

/// Where the answers to probes come from.
public struct ProbeSources: Sendable {
    let registry: MetricRegistry
    /// The loops that must run.
    let loops: [any EventLoop]
    /// Brings the registry up to date.
    let measure: @Sendable (any EventLoop) -> EventLoopFuture<Void>
    /// Families that are in no registry.
    let families: @Sendable () -> [MetricFamily]
    /// What stands in the way of new flows; nothing if the proxy is ready.
    let obstacles: @Sendable (any EventLoop) -> EventLoopFuture<[String]>

    public init(
        registry: MetricRegistry, loops: [any EventLoop], measure: @escaping @Sendable (any EventLoop) -> EventLoopFuture<Void>,
        families: @escaping @Sendable () -> [MetricFamily],
        obstacles: @escaping @Sendable (any EventLoop) -> EventLoopFuture<[String]>
    ) {
        self.registry = registry
        self.loops = loops
        self.measure = measure
        self.families = families
        self.obstacles = obstacles
    }

    func answer(_ question: ProbeQuestion, on loop: any EventLoop) -> EventLoopFuture<ProbeAnswer> {
        switch question {
        case .metrics(let form):
            return measure(loop).map { ProbeAnswer(form, registry.snapshot + families()) }
        case .health:
            return EventLoopFuture.whenAllComplete(loops.map { $0.submit {} }, on: loop).map { _ in ProbeAnswer(["alive"]) }
        case .readiness:
            return obstacles(loop).map { $0.isEmpty ? ProbeAnswer(["ready"]) : ProbeAnswer(status: 503, $0) }
        }
    }
}
