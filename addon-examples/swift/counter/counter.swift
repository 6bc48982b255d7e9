// Counts responses by host and class of status, for the counters that the proxy shows at `metrics_listen`:
//     addon_responses_total{addon="counter",host="example.com",status="2xx"} 12
// Run: addon-examples/swift/build && weir --addon addon-examples/swift/counter/counter --set metrics_listen=127.0.0.1:9090
import AddonKit

let addon = Addon(name: "counter", version: "1")
addon.permit("metrics.add")
// An observer: no flow waits for it.
addon.on("response", ["fields": ["flow.request.host", "flow.response.status_code"], "observe": true]) { event in
    let status = "\((event.flow["response", "status_code"].int ?? 0) / 100)xx"
    addon.count("responses", labels: ["host": event.flow["request", "host"], "status": .string(status)])
    return nil
}
await addon.run()
