// The wire's plain values: byte strings, headers, and the results that are made most often. The types and what they mean are in index.d.ts.
"use strict";

const { isUtf8 } = require("node:buffer");

class WeirError extends Error {
  constructor(message, code = -32000, kind = "worker_error") {
    super(message);
    Object.assign(this, { name: "WeirError", code, kind });
  }
}

class Reset extends Error {
  constructor(why) {
    super(why);
    this.name = "Reset";
  }
}

function bytesOf(value) {
  if (typeof value === "string") return Buffer.from(value);
  if (value === null) return Buffer.alloc(0);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (typeof value?.b64 === "string") return Buffer.from(value.b64, "base64");
  throw new TypeError(`no byte string: ${JSON.stringify(value)?.slice(0, 80)}`);
}

function valueOfBytes(data) {
  const bytes = bytesOf(data);
  return isUtf8(bytes) ? bytes.toString() : { b64: bytes.toString("base64") };
}

const lower = (name) => (typeof name === "string" ? name : bytesOf(name).toString("latin1")).toLowerCase();

const headers = {
  get: (pairs, name) => pairs.find(([found]) => lower(found) === name.toLowerCase())?.[1],
  getAll: (pairs, name) => pairs.filter(([found]) => lower(found) === name.toLowerCase()).map(([, value]) => value),
  set(pairs, name, value) {
    const place = pairs.findIndex(([found]) => lower(found) === name.toLowerCase());
    if (place < 0) return headers.add(pairs, name, value);
    const rest = headers.remove(pairs.splice(place), name);
    pairs.push([name, value], ...rest);
    return pairs;
  },
  add(pairs, name, value) {
    pairs.push([name, value]);
    return pairs;
  },
  remove(pairs, name) {
    const kept = pairs.filter(([found]) => lower(found) !== name.toLowerCase());
    pairs.splice(0, pairs.length, ...kept);
    return pairs;
  },
};

function respond(status, fields = [], content = "") {
  const pairs = Array.isArray(fields) ? fields : Object.entries(fields);
  return { flow: { response: { status_code: status, headers: pairs, content } } };
}

const kill = () => ({ kill: true });

module.exports = { WeirError, Reset, bytesOf, valueOfBytes, headers, respond, kill };
