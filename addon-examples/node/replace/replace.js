#!/usr/bin/env node
// Replaces a word in responses while they pass. Run: weir --addon 'exec:node addon-examples/node/replace/replace.js cat horse'
const { Socket } = require("node:net");

const [, , word = "cat", other = "horse"] = process.argv.map((text) => Buffer.from(text).toString("latin1")); // a character an octet
const link = new Socket({ fd: Number(process.env.WEIR_ADDON_FD) }).setEncoding("utf8");
const hooks = [{ name: "response", content: "stream", decode: true }];
const hello = { hooks, capabilities: ["stream"], limits: { max_line: 1 << 20 } };
const send = (message) => link.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const say = (method, s, more) => send({ method, params: { s, ...more } });
const streams = new Map();
let credit;

// `kept` may begin the word, `ready` waits for room in the core; it is asked for more than the octets that `came` when it has all of them.
function goOn(stream, { s, data = "", bytes = 0 }) {
  const octets = typeof data === "string" ? Buffer.from(data) : Buffer.from(data.b64, "base64");
  const parts = (stream.kept + octets.toString("latin1")).split(word);
  let begun = stream.isWhole ? 0 : word.length - 1;
  while (!parts.at(-1).endsWith(word.slice(0, begun))) begun -= 1;
  const text = parts.join(other);
  stream.kept = text.slice(text.length - begun);
  stream.ready += text.slice(0, text.length - begun);
  stream.room += bytes;
  stream.came += octets.length;
  const piece = stream.ready.slice(0, stream.room);
  stream.ready = stream.ready.slice(piece.length);
  stream.room -= piece.length;
  if (piece) say("stream.data", s, { data: { b64: Buffer.from(piece, "latin1").toString("base64") } });
  if (stream.ready) return;
  if (stream.isWhole) say("stream.end", s);
  else if (stream.came) say("stream.credit", s, { bytes: stream.came });
  stream.came = 0;
  if (stream.isWhole) streams.delete(s);
}

let rest = "";
link.on("data", (text) => {
  const lines = (rest + text).split("\n");
  rest = lines.pop();
  for (const { id, method, params } of lines.map((line) => JSON.parse(line))) {
    if (method === "initialize") credit = params.limits.stream_credit;
    if (id !== undefined) send({ id, result: method === "initialize" ? hello : {} });
    const s = params?.s;
    const stream = streams.get(s) ?? { kept: "", ready: "", room: credit, came: 0 };
    if (method === "stream.data" || method === "stream.end") streams.set(s, stream);
    if (method === "stream.reset") streams.delete(s);
    stream.isWhole ||= method === "stream.end";
    if (streams.has(s)) goOn(stream, params);
  }
});
