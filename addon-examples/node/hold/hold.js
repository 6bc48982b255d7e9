#!/usr/bin/env node
// Holds requests with `x-hold` for a second; then they go on with `x-held: node`, with `x-hold: kill` are killed, with `twice` sent again.
// Run: weir --addon addon-examples/node/hold/hold.js
const { Socket } = require("node:net");

const link = new Socket({ fd: Number(process.env.WEIR_ADDON_FD) }).setEncoding("utf8");
const send = (message) => link.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const hello = {
  hooks: [{ name: "request", filter: "~hq x-hold" }],
  permissions: ["flow.list", "flow.set", "flow.resume", "flow.kill", "flow.replay"],
};
const answers = { initialize: hello, request: { flow: { intercepted: true } } };
const fields = ["intercepted", "is_replay", "timestamp_created", "request.headers", "response.status_code"];
const list = { filter: "~hq x-hold", fields };
const says = ({ request }, word) => request.headers.some(([name, value]) => name === "x-hold" && value === word);

function decide(flow) {
  const { id, request: { headers }, response } = flow;
  if (flow.intercepted && flow.timestamp_created > Date.now() / 1000 - 1) return;
  if (response && !flow.is_replay && says(flow, "twice")) send({ id: "replay", method: "flow.replay", params: { id } });
  if (!flow.intercepted) return;
  if (says(flow, "kill")) return send({ id: "kill", method: "flow.kill", params: { id } });
  send({ id: "set", method: "flow.set", params: { id, flow: { request: { headers: [...headers, ["x-held", "node"]] } } } });
  send({ id: "resume", method: "flow.resume", params: { id } });
}

let rest = "";
link.on("data", (text) => {
  const lines = (rest + text).split("\n");
  rest = lines.pop();
  for (const { id, method, result } of lines.map((line) => JSON.parse(line))) {
    if (method === undefined) {
      (result?.flows ?? []).forEach(decide);
    } else if (method === "initialized") {
      setInterval(() => send({ id: "list", method: "flow.list", params: list }), 200);
    } else if (id !== undefined) {
      send({ id, result: answers[method] ?? {} });
    }
  }
});
link.on("end", () => process.exit());
