import Glibc
import NIOCore
import Schema

/// The calls that govern addons and the core. None is granted by `standard` but to who runs the proxy, and what a trusted addon could do as well.
enum AddonCalls {
    static let table: [CoreCall] = [
        CoreCall(
            method: "addon.reload", params: "`name`",
            doc:
                "Loads an addon anew: `{\"generation\": n}` when new flows go to the new processes; the old ones end with their flows. `no_addon`, `conflict` if it attached itself, is being loaded already or does not start: what ran goes on then.",
            answer: { (params, worker) throws(CallFailure) in
                let addon = try named(params, worker)
                return worker.loop.makeFutureWithTask { [host = worker.host] in
                    do throws(AddonFailure) { try await host.reload(addon.name) } catch { throw CallFailure.conflict("\(error)") }
                    return ["generation": .int(addon.generation)]
                }
            }),
        CoreCall(
            method: "addon.reset", params: "`name`",
            doc:
                "Forgets an addon's deaths and starts at once what was left alone: `{\"started\": n}`, with the number of processes. `no_addon`.",
            answer: { (params, worker) throws(CallFailure) in
                let addon = try named(params, worker)
                let resets = addon.workers.map { worker in worker.loop.submit { worker.reset() } }
                return EventLoopFuture.whenAllSucceed(resets, on: worker.loop).map { started in
                    ["started": .int(started.count { $0 })]
                }
            }),
        CoreCall(
            method: "core.shutdown", params: "none",
            doc:
                "Stops the proxy as SIGTERM does: what goes on may end. The answer comes before that. `standard` grants it to trusted addons.",
            answer: { (_, worker) throws(CallFailure) in
                worker.host.log.line(.info, worker.name, "has the proxy stopped")
                kill(getpid(), SIGTERM)
                return worker.loop.makeSucceededFuture([:])
            }),
        CoreCall(
            method: "addon.trace",
            params: "`name`; `hide`: what is hidden besides credentials, as the option `addon_hide` says it",
            doc:
                "What has gone between the core and an addon since this worker asked for it last, the first time from then on: `{\"lines\": [line of a transcript, …], \"more\": b, \"dropped\": n}`, with the number of bytes that nobody fetched in time. It ends when nobody asks for 30 s. `no_addon`, `conflict` if it is recorded four times already.",
            answer: { (params, worker) throws(CallFailure) in
                let addon = try named(params, worker)
                let rules = params["hide"]?.array?.compactMap(\.string) ?? []
                do throws(AddonFailure) {
                    let found = try addon.traces.fetch(by: worker.id) { (queue) throws(AddonFailure) in
                        try Trace(addon, rules: rules, options: worker.host.options.options, into: queue)
                    }
                    return worker.loop.makeSucceededFuture(found)
                } catch { throw .conflict("\(error)") }
            }),
    ]

    private static func named(_ params: JSON, _ worker: Worker) throws(CallFailure) -> Addon {
        let name: String = try FlowCalls.required(params, "name", "an addon's name")
        guard let addon = worker.host.addons.first(where: { $0.name == name }) else {
            throw CallFailure(code: -32017, kind: "no_addon", message: "there is no addon '\(name)'")
        }
        return addon
    }
}
