"""The worker's side of streams and previews, for the scripts that the tests generate: `streams = Streams(worker)`.

Each stream is the business of one thread, which waits where there is no credit. `send` breaks that rule for those who want to.
"""

import base64
import queue
import threading
import traceback

from worker import SILENT, Worker


class Over(Exception):
    """The core has reset the stream; the argument says why."""


def octets(value) -> bytes:
    """What a byte string of the wire stands for."""
    return value.encode() if isinstance(value, str) else base64.b64decode(value["b64"])


def byte_string(data: bytes):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode()}


class Stream:
    def __init__(self, worker: Worker, number: int):
        self.worker, self.number = worker, number
        self.trailers, self.detached = None, False
        self._room, self._changed = worker.offered["limits"]["stream_credit"], threading.Condition()
        self._pieces, self._why = queue.Queue(), None

    # What the core says

    def hear(self, method: str, params: dict) -> None:
        if method == "stream.data":
            self._pieces.put(octets(params["data"]))
        elif method == "stream.end":
            self.trailers, self.detached = params.get("trailers"), params.get("detached", False)
            self._pieces.put(None)
        with self._changed:
            self._room += params["bytes"] if method == "stream.credit" else 0
            if method == "stream.reset":
                self._why = params["why"]
                self._pieces.put(None)
            self._changed.notify_all()

    # What the worker does

    def read(self) -> bytes | None:
        """The next piece, without credit for it; None at the end of what comes."""
        piece = self._pieces.get()
        if self._why:
            raise Over(self._why)
        return piece

    def __iter__(self):
        """The pieces; the octets of one are given back when the next is asked for."""
        while (piece := self.read()) is not None:
            yield piece
            self.credit(len(piece))

    def write(self, data: bytes, size: int = 60_000) -> None:
        """Sends the octets in pieces of at most that size as the core takes them."""
        while data:
            with self._changed:
                self._changed.wait_for(lambda: self._room or self._why)
                if self._why:
                    raise Over(self._why)
                piece = data[: min(self._room, size)]
                self._room -= len(piece)
            self.send(piece)
            data = data[len(piece) :]

    def say(self, method: str, **params) -> None:
        self.worker.notify(f"stream.{method}", s=self.number, **params)

    def send(self, data: bytes) -> None:
        self.say("data", data=byte_string(data))

    def credit(self, count: int) -> None:
        self.say("credit", bytes=count)

    def end(self, **params) -> None:
        self.say("end", **params)

    def detach(self) -> None:
        self.say("detach")

    def reset(self, why: str = "given up") -> None:
        self.say("reset", why=why)


class Streams:
    """`@streams.on(hook, …)` registers `body(stream, message)` for messages that have a body; `answer` is what the event is answered with."""

    def __init__(self, worker: Worker):
        self.worker, self.open = worker, {}
        worker.threads = True
        worker.extra.setdefault("capabilities", ["stream", "preview"])
        worker.on(*(f"stream.{name}" for name in ("data", "credit", "end", "reset")))(self.hear)

    def on(self, *names: str, answer=None):
        def register(body):
            def handle(message):
                result = (answer(message) if callable(answer) else answer) or {}
                stream = self.offered(message, result.get("more"))
                self.worker.send({"jsonrpc": "2.0", "id": message["id"], "result": result})
                if stream:
                    self.run(body, stream, message)
                return SILENT

            self.worker.on(*names)(handle)
            return body

        return register

    def offered(self, message: dict, more: str | None) -> Stream | None:
        """The stream that is to open behind the answer, unless that sets the content."""
        part = "request" if message["method"].startswith("request") else "response"
        content = message["params"]["flow"][part]["content"]
        if not isinstance(content, dict) or "stream" not in content or ("preview" in content and more != "stream"):
            return None
        stream = self.open[content["stream"]] = Stream(self.worker, content["stream"])
        return stream

    def hear(self, message: dict) -> None:
        if stream := self.open.get(message["params"]["s"]):
            stream.hear(message["method"], message["params"])

    def run(self, body, stream: Stream, message: dict) -> None:
        try:
            body(stream, message)
        except Over as over:
            self.worker.note(over=str(over), stream=stream.number)
        except BrokenPipeError:
            pass  # The core has ended.
        except Exception:
            traceback.print_exc()
            stream.reset("the test's own code failed")
