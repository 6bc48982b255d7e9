// Adds `x-addon: 1` to each request and each response.
// Run: addon-examples/swift/build && weir --addon addon-examples/swift/header/header
import AddonKit

let addon = Addon(name: "header", version: "1")
for path in ["flow.request.headers", "flow.response.headers"] {
    let part = path.contains("request") ? "request" : "response"
    addon.on(part, ["fields": [.string(path)]]) { event in
        var headers = event.flow[part, "headers"]
        headers.addHeader("x-addon", "1")
        return .patch(path, headers)
    }
}
await addon.run()
