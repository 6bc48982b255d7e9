#!/usr/bin/env node
// Holds requests with `x-hold` for a second; then they go on with `x-held: node`, with `x-hold: kill` are killed, with `twice` sent again.
// Run: weir --addon addon-examples/node/hold/hold.js
const { Addon, headers } = require("../sdk");

const permissions = ["flow.list", "flow.set", "flow.resume", "flow.kill", "flow.replay"];
const fields = ["intercepted", "is_replay", "timestamp_created", "request.headers", "response.status_code"];
const addon = new Addon("hold", "1.0", { permissions });
addon.on("request", { filter: "~hq x-hold" }, () => ({ flow: { intercepted: true } }));

async function decide({ id, request, response, ...flow }) {
  const word = headers.get(request.headers, "x-hold");
  if (flow.intercepted && flow.timestamp_created < Date.now() / 1000 - 1) {
    if (word === "kill") return addon.call("flow.kill", { id });
    await addon.call("flow.set", { id, flow: { request: { headers: [...request.headers, ["x-held", "node"]] } } });
    await addon.call("flow.resume", { id });
  } else if (response && !flow.is_replay && word === "twice") {
    await addon.call("flow.replay", { id });
  }
}

// Looks at what is held, not at what it remembers of it: another process may have held it.
async function watch() {
  const { flows } = await addon.call("flow.list", { filter: "~hq x-hold", fields });
  for (const flow of flows) {
    await decide(flow).catch((error) => {
      if (!["no_flow", "conflict"].includes(error.kind)) throw error; // It has gone, or on, since.
    });
  }
  setTimeout(watch, 200);
}

addon.on("initialized", watch);
addon.run();
