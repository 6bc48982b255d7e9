import NIOCore
import ProxyKernel
import Schema

/// The calls that count things.
enum MetricCalls {
    static let add = CoreCall(
        method: "metrics.add",
        params: "`metrics`: a list of `{\"name\": …, \"value\": …, \"labels\": {name: text, …}}`; the value is 1 without it",
        doc:
            "Adds to counters: `{\"dropped\": n}`, with the number of entries that were not counted. Also a notification, and the member `metrics` of a reply.",
        answer: { (params, worker) throws(CallFailure) in
            guard let entries = params["metrics"]?.array else {
                throw .missing("metrics: expected a list, found \(params["metrics"]?.kind ?? "nothing")")
            }
            return worker.loop.makeSucceededFuture(["dropped": .int(worker.count(entries))])
        })

    static let table: [CoreCall] = [
        add,
        CoreCall(
            method: "metrics.get", params: "none",
            doc:
                "All counters, the proxy's own (`weir_…`) first: `{\"metrics\": [{\"name\": …, \"labels\": …, \"value\": …}, …], \"dropped\": n}`.",
            answer: { (_, worker) throws(CallFailure) in worker.loop.makeSucceededFuture(worker.host.metrics.json) }),
    ]
}

extension Worker {
    /// Counts what the worker says, if it may; the number of entries that were dropped. On its loop.
    @discardableResult
    func count(_ entries: [JSON]) -> Int {
        guard life?.permissions.contains("metrics.add") == true else {
            if host.metrics.isFirstDrop(name) {
                host.log.line(.warning, name, "its metrics are dropped: it was not granted 'metrics.add'")
            }
            return entries.count
        }
        let (dropped, reason) = host.metrics.add(entries)
        if let reason, host.metrics.isFirstDrop(name) {
            host.log.line(.warning, name, "a metric was dropped: \(reason); further ones are counted only")
        }
        return dropped
    }
}
