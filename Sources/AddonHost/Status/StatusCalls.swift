import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// The calls that tell how the core and its addons stand.
enum StatusCalls {
    static let table: [CoreCall] = [
        CoreCall(
            method: "addon.list", params: "none",
            doc:
                "Every addon in the order of the command line, without attached workers that hook nothing: `{\"addons\": [{\"name\", \"place\", \"level\", \"layers\", \"state\", \"generation\", \"breaker\", \"required\", \"workers\": [{\"id\", \"form\", \"pid\", \"state\", \"generation\", \"since\", \"restarts\", \"in_flight\", \"queued\", \"late\", \"duplicate\", \"unknown\", \"timeouts\", …}], \"hooks\": […], \"grants\": …, \"event_seconds\": {\"count\", \"p50\", \"p99\"}}], \"chains\": {hook: [name, …]}}`. An addon is `up`, `degraded` (some of its workers are up), `broken` (its breaker is open), `down` or `stopped`; it is required if flows fail without it. The quantiles are estimates from the histogram.",
            answer: list),
        CoreCall(
            method: "core.status", params: "none",
            doc:
                "How the core stands: `{\"version\", \"pid\", \"since\", \"phase\": \"starting\"|\"running\"|\"draining\", \"listening\": [{\"mode\", \"address\"}], \"metrics\": address or null, \"clients\": n, \"flows\": {\"live\", \"held\", \"ended\", \"evicted\"}, \"addons\": {state: n}, \"ready\": b, \"obstacles\": [sentence, …], \"line\": text}`. Held flows are those that stand still until somebody lets them go on.",
            answer: status),
    ]

    private static let list: CoreCall.Answer = { (_, worker) throws(CallFailure) in
        let host = worker.host
        return host.standings(on: worker.loop).map { addons in
            ["addons": .array(addons.map(\.json)), "chains": .object(host.chains)]
        }
    }

    private static let status: CoreCall.Answer = { (_, worker) throws(CallFailure) in
        let host = worker.host
        let live = host.flows.all.map { flow in flow.loop.submit { flow.isLive && flow.anyFlow.isIntercepted } }
        let held = EventLoopFuture.whenAllSucceed(live, on: worker.loop).map { $0.count { $0 } }
        return host.standings(on: worker.loop).and(held).map { addons, held in
            report(host, addons, held: held)
        }
    }

    private static func report(_ host: AddonHost, _ addons: [AddonStanding], held: Int) -> JSON {
        let (status, sizes) = (host.status, host.flows.sizes)
        var states = JSONObject()
        for state in AddonStanding.State.allCases { states[state.rawValue] = .int(addons.count { $0.state == state }) }
        let obstacles = host.obstacles(addons)
        return [
            "version": .string(status.version), "pid": .int(status.pid), "since": .double(status.since),
            "phase": .string(status.phase.rawValue),
            "listening": .array(status.listening.map { ["mode": .string($0.mode), "address": .string($0.address)] }),
            "metrics": status.metrics.map { .string($0) } ?? .null, "clients": .int(host.meters.openClients),
            "flows": [
                "live": .int(sizes.live), "held": .int(held), "ended": .int(sizes.ended), "evicted": .int(sizes.evicted),
            ],
            "addons": .object(states), "ready": .bool(obstacles.isEmpty),
            "obstacles": .array(obstacles.map { .string($0) }), "line": .string(host.statusLine(addons)),
        ]
    }
}
