// Adds the header `x-NAME: 1` to responses.
import AddonKit

let addon = Addon(name: "NAME", version: "1")
// `fields`: what is not named here is not sent, which is most of an event's work. Without it `event.flow` has everything.
addon.on("response", ["fields": ["flow.response.headers"]]) { event in
    var headers = event.flow["response", "headers"]
    headers.setHeader("x-NAME", "1")
    return .patch("flow.response.headers", headers)
}
await addon.run()
