// The connection to the core: whole lines in, whole lines out.
"use strict";

const fs = require("node:fs");
const net = require("node:net");

const MAX_LINE = 16 * 1024 * 1024;
const WAITING = 64 * 1024 * 1024; // Octets that wait until the core reads them, beyond which lines that nobody waits for are dropped.

function connected() {
  const { WEIR_ADDON_FD: given = "0", WEIR_ADDON_SOCKET: path } = process.env;
  delete process.env.WEIR_ADDON_FD;
  if (Number(given) > 2) return sides(new net.Socket({ fd: Number(given) }));
  if (given === "0" && path) return sides(net.connect(path));
  // Prints must not get among the lines.
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  return fs.fstatSync(0).isSocket() ? sides(new net.Socket({ fd: 0 })) : [process.stdin, (line) => write(line)];
}

const sides = (socket) => [socket, (line, isWanted) => (isWanted || socket.writableLength < WAITING) && socket.write(line)];

// Calls `hear` with each line and `ended` once. Returns what sends a line, as long as there is a connection: what it says.
function open(hear, ended) {
  const [input, write] = connected();
  let parts = [];
  let held = 0;
  // Not node:readline, which in newer versions also splits at U+2028 and U+2029.
  input.setEncoding("utf8").on("data", (text) => {
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      const piece = text.slice(start, end);
      hear(parts.length > 0 ? parts.join("") + piece : piece);
      if (parts.length > 0) parts = [];
      start = end + 1;
      held = 0;
    }
    if (start < text.length) parts.push(text.slice(start));
    held += text.length - start;
    if (held > MAX_LINE) throw new RangeError(`the core's line is longer than ${MAX_LINE} bytes`);
  });
  let isOpen = true;
  const end = () => {
    if (isOpen) ended();
    isOpen = false;
  };
  input.on("end", end).on("error", end).on("close", end);
  return (line, isWanted = true) => {
    if (isOpen) write(line, isWanted);
    return isOpen;
  };
}

module.exports = { MAX_LINE, open };
