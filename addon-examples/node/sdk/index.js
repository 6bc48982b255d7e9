// Addons for Weir in Node; see README.md, and index.d.ts for what each name means.
"use strict";

const { MAX_LINE, open } = require("./link.js");
const { Body } = require("./stream.js");
const { WeirError, Reset, bytesOf, valueOfBytes, headers, respond, kill } = require("./values.js");

const LIFE = new Set(["initialized", "drain", "shutdown"]); // Messages that have handlers like hooks, and are none.
const GRACE = 2000; // Milliseconds that clean-up has once the core has gone.
const PIECE = 1 << 20;
const AsyncGenerator = Object.getPrototypeOf(async function* () {}).constructor;

class Event {
  #controller;
  #isCancelled = false;

  constructor(addon, name, id, params) {
    Object.assign(this, { addon, name, id, params });
  }

  get flow() {
    return this.params.flow;
  }

  get attempt() {
    return this.params.attempt ?? 1;
  }

  get isCancelled() {
    return this.#isCancelled;
  }

  get signal() {
    this.#controller ??= new AbortController();
    if (this.#isCancelled) this.#controller.abort();
    return this.#controller.signal;
  }

  extend(ms) {
    if (this.id !== undefined) this.addon.notify("event.extend", { id: this.id, ms });
  }

  stream(transform) {
    this._transform = transform;
  }

  async body(part = "response") {
    const { content } = this.flow[part];
    if (content?.ref === undefined) return bytesOf(content);
    const pieces = [];
    for (let offset = 0; offset < content.size; offset += pieces.at(-1).length) {
      pieces.push(bytesOf((await this.addon.call("body.read", { ref: content.ref, offset, length: PIECE })).data));
    }
    return Buffer.concat(pieces);
  }

  _cancel() {
    this.#isCancelled = true;
    this.#controller?.abort();
  }

  // The number of the stream that opens behind an answer with that result.
  _offer(result) {
    const part = this.name.startsWith("request") ? "request" : "response";
    const content = this.flow?.[part]?.content;
    if (content?.stream === undefined) return undefined;
    const own = result.flow?.[part]?.content;
    const isReplaced = own === null || typeof own === "string" || own?.b64 !== undefined;
    const isAnswered = part === "request" && Boolean(result.flow?.response); // It goes to nobody.
    return isReplaced || isAnswered || result.kill || result.more === "whole" ? undefined : content.stream;
  }
}

class Addon {
  #permissions;
  #hooks = [];
  #handlers = new Map();
  #commands = new Map();
  #offered = [];
  #declared = [];
  #open = new Map();
  #streams = new Map();
  #calls = new Map();
  #number = 0;
  #longest = MAX_LINE;
  #send;
  options = {};
  core = {};
  granted = {};

  constructor(name, version = undefined, { permissions = [] } = {}) {
    Object.assign(this, { name, version });
    this.#permissions = permissions;
  }

  on(name, members, handler = members) {
    if (this.#handlers.has(name) && this.#handlers.get(name) !== handler) throw new Error(`'${name}' has a handler already`);
    this.#handlers.set(name, handler);
    if (!LIFE.has(name)) this.#hooks.push({ name, ...(members === handler ? {} : members) });
    return this;
  }

  command(name, about, handler = about) {
    this.#commands.set(name, handler);
    this.#offered.push({ name, ...(about === handler ? {} : about) });
    return this;
  }

  option(name, type, about = {}) {
    this.#declared.push({ name, type, ...about });
    return this;
  }

  call(method, params = {}) {
    const id = ++this.#number;
    return new Promise((resolve, reject) => {
      const line = this.#line({ id, method, params });
      this.#calls.set(id, { resolve, reject });
      if (!this.#send(line)) this.#settle(id, gone());
    });
  }

  notify(method, params = {}, isWanted = true) {
    this.#send(this.#line({ method, params }), isWanted);
  }

  log(level, msg) {
    this.notify("log", { level, msg }, false);
  }

  metrics(name, value = 1, labels = {}) {
    this.notify("metrics.add", { name, value, labels }, false);
  }

  run() {
    if (this.#declared.length > 0 && !this.#handlers.has("configure")) this.on("configure", () => {});
    this.#send = open((line) => this.#hear(JSON.parse(line)), () => this.#end());
  }

  #line(message) {
    const line = `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`;
    if (line.length * 3 > this.#longest && Buffer.byteLength(line) > this.#longest) {
      throw new WeirError(`the line is longer than the ${this.#longest} bytes that the core takes`, -32006, "too_large");
    }
    // Half of a surrogate pair would cost the connection.
    if (line.includes("\\ud") && /(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(line)) throw new TypeError("a text has half of a surrogate pair");
    return line;
  }

  #hear({ id, method, params = {}, result, error }) {
    if (method === undefined) return this.#settle(id, error, result);
    if (method === "initialized") this.granted = params;
    const handler = method === "command" ? this.#commands.get(params.name) : this.#handlers.get(method);
    if (handler) {
      if (method === "shutdown") this.#handlers.delete(method); // Once, whether it is said or the connection just ends.
      this.#begin(new Event(this, method, id, params), handler);
    } else if (method.startsWith("stream.")) {
      this.#streams.get(params.s)?._hear(method.slice(7), params);
    } else if (method === "cancel") {
      this.#open.get(params.id)?._cancel();
      this.#open.delete(params.id);
    } else if (method === "initialize") {
      this.#send(this.#line({ id, result: this.#hello(params) }));
    } else if (id !== undefined) {
      const isKnown = method === "ping" || method === "shutdown";
      this.#send(this.#line(isKnown ? { id, result: {} } : { id, error: { code: -32601, message: `there is no '${method}'` } }));
    }
  }

  #hello(params) {
    this.core = params;
    this.options = { ...params.options };
    this.#longest = params.limits?.max_line ?? MAX_LINE;
    const lists = { permissions: this.#permissions, options: this.#declared, commands: this.#offered };
    const { name, version } = this;
    return { protocol: 1, name, version, hooks: this.#hooks, limits: { max_line: MAX_LINE }, ...lists };
  }

  #settle(id, error, result) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error) call?.reject(new WeirError(error.message, error.code, error.data?.kind));
    else call?.resolve(result);
  }

  async #begin(event, handler) {
    if (event.id !== undefined) this.#open.set(event.id, event);
    try {
      if (handler instanceof AsyncGenerator) event.stream((body) => handler(event, body));
      const result = event._transform ? {} : handler(event);
      // What is there is sent at once.
      this.#done(event, typeof result?.then === "function" ? await result : result);
    } catch (failure) {
      this.#failed(event, failure);
    }
  }

  #done(event, answer) {
    if (event.name === "configure") this.options = { ...event.params.options };
    if (event.id === undefined) return;
    const result = answer ?? (event.name === "command" ? null : {});
    for (const part of [result?.flow?.request, result?.flow?.response]) {
      if (part?.content instanceof Uint8Array) part.content = valueOfBytes(part.content);
    }
    const number = event._transform && event._offer(result);
    const line = this.#line({ id: event.id, result: number === undefined ? result : { more: "stream", ...result } });
    if (!this.#open.delete(event.id)) return;
    if (number !== undefined) this.#carry(number, event._transform);
    this.#send(line);
  }

  async #carry(number, transform) {
    const say = (what, params) => this.notify(`stream.${what}`, { s: number, ...params });
    const body = new Body(say, this.core.limits.stream_credit);
    this.#streams.set(number, body);
    await null; // Behind the answer.
    await body._carry(transform);
    this.#streams.delete(number);
  }

  #failed(event, failure) {
    if (!(failure instanceof WeirError)) console.error(failure);
    if (event.id === undefined || !this.#open.delete(event.id)) return;
    const code = failure instanceof WeirError ? failure.code : -32000;
    const message = Buffer.from(String(failure?.message ?? failure)).toString(); // Half of a surrogate pair becomes U+FFFD.
    this.#send(this.#line({ id: event.id, error: { code, message } }));
  }

  async #end() {
    for (const event of this.#open.values()) event._cancel();
    this.#open.clear();
    for (const id of this.#calls.keys()) this.#settle(id, gone());
    for (const body of this.#streams.values()) body._hear("reset", { why: "gone" });
    setTimeout(() => process.exit(), GRACE).unref();
    const handler = this.#handlers.get("shutdown");
    if (handler) await this.#begin(new Event(this, "shutdown", undefined, {}), handler);
    process.exit();
  }
}

const gone = () => ({ code: -32009, message: "the connection to the core has ended", data: { kind: "gone" } });

module.exports = { Addon, Body, Event, Reset, WeirError, bytesOf, valueOfBytes, headers, respond, kill };
