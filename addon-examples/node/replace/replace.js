#!/usr/bin/env node
// Replaces a word in responses while they pass. Run: weir --addon 'exec:node addon-examples/node/replace/replace.js cat horse'
const { Addon } = require("../sdk");

const [, , word = "cat", other = "horse"] = process.argv.map((text) => Buffer.from(text).toString("latin1")); // a character an octet
const addon = new Addon("replace", "1.0");

addon.on("response", { content: "stream", decode: true }, async function* (event, body) {
  let kept = ""; // What may begin the word waits for the piece behind it.
  for await (const piece of body) {
    const parts = (kept + piece.toString("latin1")).split(word);
    let begun = word.length - 1;
    while (!parts.at(-1).endsWith(word.slice(0, begun))) begun -= 1;
    const text = parts.join(other);
    kept = text.slice(text.length - begun);
    yield Buffer.from(text.slice(0, text.length - begun), "latin1");
  }
  yield Buffer.from(kept, "latin1");
});

addon.run();
