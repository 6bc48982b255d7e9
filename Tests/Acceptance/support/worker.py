"""A worker for the tests, written from the specification alone; the scripts that the tests generate import it.

Every line that arrives is appended to the record file, with the process id and the time, before it is handled.
"""

import itertools
import json
import os
import queue
import socket
import sys
import threading
import time

SILENT = object()
"""What a handler returns to send no reply."""


class Failure(Exception):
    """Raised by a handler to answer with a JSON-RPC error."""


class Worker:
    def __init__(self, record, hooks, threads=False, stdio=False, listen=None, attach=None, result=None, unrecorded=()):
        self.record_path, self.hooks, self.threads = record, hooks, threads
        self.extra, self.unrecorded = result or {}, unrecorded
        self.offered = None
        self.handlers = {}
        self.lock = threading.Lock()
        self.numbers, self.calls = itertools.count(1), {}
        self.record = open(record, "ab", buffering=0)
        if stdio:
            self.incoming, self.outgoing = sys.stdin.buffer, sys.stdout.buffer
        else:
            self.socket = self._connected(listen, attach)
            self.incoming = self.socket.makefile("rb")
            self.outgoing = self.socket.makefile("wb")

    @staticmethod
    def _connected(listen, attach):
        if listen:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(listen)
                listener.listen(1)
                return listener.accept()[0]
        if not attach and "WEIR_ADDON_FD" in os.environ:
            return socket.socket(fileno=int(os.environ["WEIR_ADDON_FD"]))
        connected = socket.socket(socket.AF_UNIX)
        connected.connect(str(attach or os.environ["WEIR_ADDON_SOCKET"]))
        return connected

    def on(self, *names):
        def register(handler):
            for name in names:
                self.handlers[name] = handler
            return handler

        return register

    def note(self, **members):
        line = {"pid": os.getpid(), "time": time.time(), **members}
        self.record.write(json.dumps(line).encode() + b"\n")

    def send(self, message):
        self.send_line(json.dumps(message).encode())

    def send_line(self, line):
        with self.lock:
            self.outgoing.write(line + b"\n")
            self.outgoing.flush()

    def notify(self, method, **params):
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def call(self, method, **params):
        """Asks the core and waits for the answer; from a thread of its own, because `run` reads it."""
        number = f"call {next(self.numbers)}"
        answer = self.calls[number] = queue.Queue()
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return answer.get(timeout=10)

    def run(self):
        for line in self.incoming:
            message = json.loads(line)
            method = message.get("method", "")
            if method not in self.unrecorded:
                self.note(message=message, length=len(line) - 1)
            if method == "initialize":
                self.offered = message["params"]
                self.send({"jsonrpc": "2.0", "id": message["id"], "result": {"hooks": self.hooks, **self.extra}})
            elif not method and message.get("id") in self.calls:
                self.calls.pop(message["id"]).put(message)
            elif self.threads and method and not method.startswith("stream."):
                threading.Thread(target=self.handle, args=(message,), daemon=True).start()
            else:
                self.handle(message)

    def handle(self, message):
        handler = self.handlers.get(message.get("method"))
        reply = {"jsonrpc": "2.0", "id": message.get("id")}
        try:
            result = handler(message) if handler else None
            if result is SILENT:
                return
            reply["result"] = {} if result is None else result
        except Failure as failure:
            reply["error"] = {"code": -32000, "message": str(failure)}
        if message.get("id") is not None and "method" in message:
            try:
                self.send(reply)
            except BrokenPipeError:
                pass  # The core has ended meanwhile; `run` sees it.


def path(message):
    """The request path of an event's flow."""
    return message["params"]["flow"]["request"]["path"]
