#!/usr/bin/env node
// Adds the header `x-NAME: 1` to responses. Run: weir --addon NAME.js
const { Addon, headers } = require("./sdk");

const addon = new Addon("NAME", "0.1");

addon.on("response", (event) => {
  const { response } = event.flow;
  return { flow: { response: { headers: headers.set(response.headers, "x-NAME", "1") } } };
});

addon.run();
