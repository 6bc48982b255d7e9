import NIOCore
import Observability
import ProxyKernel
import Schema

/// How the host and its addons stand, for those who look at them.
extension AddonHost {
    /// Every addon in its order, on that loop. What has attached itself and hooks nothing is a client of calls, and none.
    func standings(on loop: any EventLoop) -> EventLoopFuture<[AddonStanding]> {
        let registry = meters.registry
        let standings = addons.map { addon in
            let workers = addon.workers.map { $0.standing() }
            return EventLoopFuture.whenAllSucceed(workers, on: loop).map { AddonStanding(addon, $0, registry) }
        }
        return EventLoopFuture.whenAllSucceed(standings, on: loop).map { $0.filter(\.isAddon) }
    }

    /// What stands in the way of new flows, each a sentence for people; none if the proxy is ready.
    public func obstacles(on loop: any EventLoop) -> EventLoopFuture<[String]> { standings(on: loop).map { self.obstacles($0) } }

    func obstacles(_ addons: [AddonStanding]) -> [String] {
        var reasons: [String] = []
        switch status.phase {
        case .starting: reasons.append("the proxy is starting")
        case .draining: reasons.append("the proxy is draining")
        case .running: break
        }
        for addon in addons where addon.isRequired && !addon.workers.contains(where: { $0.state == .up }) {
            reasons.append("addon '\(addon.name)' is \(addon.state.rawValue), and flows fail without it")
        }
        return reasons
    }

    /// Brings what is measured up to date: counters of connections, and states.
    public func measure(on loop: any EventLoop) -> EventLoopFuture<Void> {
        standings(on: loop).map { [self] addons in
            for addon in addons { addon.record(in: meters.registry) }
            // One that has left since it was asked must not be there again.
            let present = Set(self.addons.map(\.name))
            for addon in addons where !present.contains(addon.name) { meters.registry.forget("addon", addon.name) }
            metrics.record(in: meters.registry)
            meters.measure(flows)
        }
    }

    /// What addons count of their own.
    public var addonFamilies: [MetricFamily] { metrics.families }

    /// One line for a service manager.
    public func statusLine() async -> String {
        let addons = (try? await standings(on: loops[0]).get()) ?? []
        return statusLine(addons)
    }

    func statusLine(_ addons: [AddonStanding]) -> String {
        let poor = addons.filter { $0.state != .up }.map { "\($0.name) \($0.state.rawValue)" }
        let summary = addons.isEmpty ? "no addons" : "\(addons.count - poor.count) of \(addons.count) addons up"
        let detail = poor.isEmpty ? "" : " (\(poor.joined(separator: ", ")))"
        return "\(status.phase.rawValue): \(summary)\(detail), \(meters.openClients) clients, \(flows.sizes.live) live flows"
    }

    /// In which order addons hear of each hook: those that do at present, by the hooks' names.
    var chains: JSONObject {
        let chain = state.withLock { $0.chain }
        var chains = JSONObject()
        for hook in hooks where !chain[hook.index].isEmpty {
            chains[hook.name] = .array(chain[hook.index].map { .string($0.addon.name) })
        }
        return chains
    }
}
