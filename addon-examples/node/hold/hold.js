#!/usr/bin/env node
// Holds requests that carry `x-hold: go` or `x-hold: kill` for a second, then lets them go on with `x-held: node`, or kills them.
// Run: weir --addon addon-examples/node/hold/hold.js
const { Socket } = require("node:net");

const link = new Socket({ fd: Number(process.env.WEIR_ADDON_FD) }).setEncoding("utf8");
const send = (message) => link.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const hello = {
  hooks: [{ name: "request", filter: "~hq x-hold" }],
  permissions: ["flow.list", "flow.set", "flow.resume", "flow.kill"],
};
const answers = { initialize: hello, request: { flow: { intercepted: true } } };
const list = { filter: "~hq x-hold", fields: ["intercepted", "timestamp_created", "request.headers"] };

function decide({ id, request: { headers } }) {
  if (headers.some(([name, value]) => name === "x-hold" && value === "kill")) {
    return send({ id: "kill", method: "flow.kill", params: { id } });
  }
  send({ id: "set", method: "flow.set", params: { id, flow: { request: { headers: [...headers, ["x-held", "node"]] } } } });
  send({ id: "resume", method: "flow.resume", params: { id } });
}

let rest = "";
link.on("data", (text) => {
  const lines = (rest + text).split("\n");
  rest = lines.pop();
  for (const { id, method, result } of lines.map((line) => JSON.parse(line))) {
    if (method === undefined) {
      const isOld = (flow) => flow.intercepted && flow.timestamp_created < Date.now() / 1000 - 1;
      (result?.flows ?? []).filter(isOld).forEach(decide);
    } else if (method === "initialized") {
      setInterval(() => send({ id: "list", method: "flow.list", params: list }), 200);
    } else if (id !== undefined) {
      send({ id, result: answers[method] ?? {} });
    }
  }
});
link.on("end", () => process.exit());
