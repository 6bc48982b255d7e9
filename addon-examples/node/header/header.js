#!/usr/bin/env node
// Adds the header `x-addon: 1` to each request and each response. Run: weir --addon addon-examples/node/header/header.js
const { Addon } = require("../sdk");

const addon = new Addon("header");
addon.on("requestheaders", { fields: ["flow.request.headers"] }, ({ flow }) => ({
  flow: { request: { headers: [...flow.request.headers, ["x-addon", "1"]] } },
}));
addon.on("responseheaders", { fields: ["flow.response.headers"] }, ({ flow }) => ({
  flow: { response: { headers: [...flow.response.headers, ["x-addon", "1"]] } },
}));
addon.run();
