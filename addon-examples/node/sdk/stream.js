// A body that passes in pieces. Credit is given back as pieces are asked for; what is sent waits for the core's.
"use strict";

const { Readable, pipeline } = require("node:stream");
const { Reset, bytesOf, valueOfBytes } = require("./values.js");

class Body {
  #say;
  #credit;
  #room;
  #owed = 0;
  #pieces = [];
  #waiters = [];
  #isWhole = false;
  #why;
  #came = null;
  #said;
  detached = false;

  constructor(say, credit) {
    this.#say = say;
    this.#credit = this.#room = credit;
  }

  get trailers() {
    return this.#said === undefined ? this.#came : this.#said;
  }

  set trailers(pairs) {
    this.#said = pairs;
  }

  detach() {
    this.#say("detach");
  }

  alive() {
    this.#say("credit", { bytes: 0 });
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      if (this.#why !== undefined) throw new Reset(this.#why);
      if (this.#owed > 0 && (this.#pieces.length === 0 || this.#owed >= this.#credit / 4)) {
        if (!this.#isWhole) this.#say("credit", { bytes: this.#owed });
        this.#owed = 0;
      }
      if (this.#pieces.length > 0) {
        const piece = this.#pieces.shift();
        this.#owed += piece.length;
        yield piece;
      } else if (this.#isWhole) return;
      else await this.#change();
    }
  }

  _hear(what, params) {
    if (what === "data") this.#pieces.push(bytesOf(params.data));
    else if (what === "credit") this.#room += params.bytes;
    else if (what === "reset") this.#why = params.why ?? "";
    else if (what === "end") {
      this.#isWhole = true;
      this.#came = params.trailers ?? null;
      this.detached = params.detached === true;
    }
    for (const wake of this.#waiters.splice(0)) wake();
  }

  // Sends what `transform` makes of the body, to its end.
  async _carry(transform) {
    try {
      let pieces = typeof transform === "function" ? transform(this) : transform;
      if (typeof pieces.pipe === "function" && pieces.writable) {
        pieces = pipeline(Readable.from(this, { objectMode: false }), pieces, () => {}); // The iteration below sees an error.
      }
      for await (const piece of pieces) await this.#write(bytesOf(piece));
      this.#say("end", this.#said === undefined ? {} : { trailers: this.#said });
    } catch (failure) {
      if (this.#why !== undefined) return;
      console.error(failure);
      this.#say("end", { status: "error", message: String(failure?.message ?? failure) });
    }
  }

  async #write(data) {
    while (data.length > 0) {
      if (this.#why !== undefined) throw new Reset(this.#why);
      const piece = data.subarray(0, Math.min(this.#room, this.#credit / 2));
      if (piece.length === 0) await this.#change();
      else {
        this.#room -= piece.length;
        this.#say("data", { data: valueOfBytes(piece) });
        data = data.subarray(piece.length);
      }
    }
  }

  #change() {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }
}

module.exports = { Body };
