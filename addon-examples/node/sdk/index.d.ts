/// <reference types="node" />
import type { Duplex } from "node:stream";

/** Octets on the wire: a text where they are UTF-8. */
export type ByteString = string | { b64: string };
/** Headers or trailers in the order of the wire. */
export type Pairs = [ByteString, ByteString][];
/** Plain values of JSON, as the protocol's hooks.md lists them. */
export type Flow = Record<string, any>;
/** An event's answer: what changes. Nothing, or `{}`, changes nothing. A message's `content` may be a Uint8Array. */
export type Result = { flow?: Flow; kill?: boolean; more?: "whole" | "stream"; metrics?: object[]; log?: object[]; [member: string]: any } | null | void;
export type Handler = (event: Event) => any;
/** Makes what takes the place of a body that passes in pieces. */
export type Transform = ((body: Body) => AsyncIterable<Uint8Array | ByteString> | Duplex) | Duplex;

/** What a hook wants, see the protocol's section 5. */
export interface Members {
  filter?: string;
  content?: "none" | "whole" | "decoded" | "stream" | { preview: number };
  decode?: boolean;
  fields?: string[];
  observe?: boolean;
  timeout_ms?: number;
  on_failure?: "continue" | "kill" | "retry";
  idempotent?: boolean;
  order?: number;
}

export type OptionType =
  | "bool" | "int" | "number" | "str"
  | "optional bool" | "optional int" | "optional number" | "optional str"
  | "sequence of str";

export class Event {
  readonly addon: Addon;
  /** The hook's name; `command` for a command. */
  readonly name: string;
  /** Undefined where no answer is wanted. */
  readonly id?: number;
  readonly params: Record<string, any>;
  /** `params.flow`. */
  readonly flow: Flow;
  /** 2 if a worker died over this event before. */
  readonly attempt: number;
  /** Whether nobody waits for the answer any more. */
  readonly isCancelled: boolean;
  /** Aborted when the event is cancelled; for `fetch`, timers and so on. */
  readonly signal: AbortSignal;
  /** Asks for so many milliseconds from now; before the deadline is over. */
  extend(ms: number): void;
  /** Has the pieces of `transform` take the place of the body's, from the event's answer on. */
  stream(transform: Transform): void;
  /** The octets of the whole body; by calls (permission `body.read`) where it came by reference. */
  body(part?: "request" | "response"): Promise<Buffer>;
}

/** The original of a body that passes in pieces. */
export class Body implements AsyncIterable<Buffer> {
  [Symbol.asyncIterator](): AsyncGenerator<Buffer>;
  /** Behind the last piece, the original's; set, they take their place. */
  trailers: Pairs | null;
  /** Whether the rest of the body passes without the transform. */
  detached: boolean;
  /** Wants no more than what is under way. */
  detach(): void;
  /** Says that a long piece of work is going on. */
  alive(): void;
}

export class Addon {
  /** `permissions` are the calls that it makes. */
  constructor(name: string, version?: string, more?: { permissions?: string[] });
  readonly name: string;
  readonly version?: string;
  /** The values that hold. */
  readonly options: Record<string, any>;
  /** What the core said in the handshake, and what it granted. */
  readonly core: Record<string, any>;
  readonly granted: Record<string, any>;
  /** Registers a handler for a hook, or for `initialized`, `drain` and `shutdown`. With a streamed body it may be an async generator. */
  on(hook: string, handler: Handler): this;
  on(hook: string, members: Members, handler: Handler): this;
  on(hook: string, members: Members, handler: (event: Event, body: Body) => AsyncGenerator<Uint8Array | ByteString>): this;
  /** `event.params.args` are the command's arguments; what the handler returns is its answer. */
  command(name: string, handler: Handler): this;
  command(name: string, about: { help?: string; arguments?: string; result?: string }, handler: Handler): this;
  /** Declares a setting. A handler of `configure` finds new values in `event.params.options`, and refuses them with a `WeirError`. */
  option(name: string, type: OptionType, about?: { default?: any; help?: string; choices?: string[] }): this;
  /** Asks the core; rejected with a `WeirError` if it refuses. */
  call(method: string, params?: Record<string, any>): Promise<any>;
  notify(method: string, params?: Record<string, any>): void;
  log(level: "debug" | "info" | "warn" | "error", msg: string): void;
  /** Adds to a counter of the core's; with the permission `metrics.add`. */
  metrics(name: string, value?: number, labels?: Record<string, string>): void;
  /** Serves the core until it closes the connection, which ends the process. */
  run(): void;
}

/** The core's refusal of a call. Thrown by a handler it is the event's answer, without a trace on standard error. */
export class WeirError extends Error {
  constructor(message: string, code?: number, kind?: string);
  readonly code: number;
  readonly kind: string;
}

/** The core has ended a stream before its time; the message says why. */
export class Reset extends Error {
  constructor(why: string);
}

export function bytesOf(value: ByteString | Uint8Array | null): Buffer;
export function valueOfBytes(data: Uint8Array | ByteString | null): ByteString;

/** Names are found in either case. The list is changed in place, and returned. */
export const headers: {
  get(pairs: Pairs, name: string): ByteString | undefined;
  getAll(pairs: Pairs, name: string): ByteString[];
  /** Gives the first of that name the value and takes the others away; a new one goes behind all. */
  set(pairs: Pairs, name: string, value: ByteString): Pairs;
  add(pairs: Pairs, name: string, value: ByteString): Pairs;
  remove(pairs: Pairs, name: string): Pairs;
};

/** The result that answers a request without the server, or takes the place of a response. */
export function respond(status: number, headers?: Pairs | Record<string, string>, content?: ByteString | Uint8Array): Result;
/** The result that kills the flow. */
export function kill(): Result;
