#!/usr/bin/env node
// Counts flows: adds `x-addon-node: N` to the N-th response. Run: weir --addon addon-examples/node/count/count.js
const { Socket } = require("node:net");

const link = new Socket({ fd: Number(process.env.WEIR_ADDON_FD) }).setEncoding("utf8");
let count = 0;

function answer(method, params) {
  if (method === "initialize") {
    return { protocol: 1, name: "count-node", version: "1", hooks: ["response"] };
  }
  if (method === "response") {
    count += 1;
    const headers = [...params.flow.response.headers, ["x-addon-node", String(count)]];
    return { flow: { response: { headers } } };
  }
  return {}; // ping, shutdown
}

// Not node:readline, which in newer versions also splits at U+2028 and U+2029.
let rest = "";
link.on("data", (text) => {
  const lines = (rest + text).split("\n");
  rest = lines.pop();
  for (const line of lines) {
    const { id, method, params } = JSON.parse(line);
    if (method !== undefined && id !== undefined) {
      link.write(`${JSON.stringify({ jsonrpc: "2.0", id, result: answer(method, params) })}\n`);
    }
  }
});
