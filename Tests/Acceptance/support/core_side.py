"""The core's end of a worker's connection, for tests of what stands between: one event at a time, each answer waited for."""

import json
import socket

FLOW = {"id": "f", "type": "http", "metadata": {}, "response": {"status_code": 200, "headers": [["a", "b"]], "content": None}}


class CoreSide:
    def __init__(self, path: str, seconds: float = 10):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rb")
        self.number = 0

    def ask(self, method: str, **params):
        """The result of a request."""
        self.number += 1
        self.socket.sendall(json.dumps({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}).encode() + b"\n")
        line = self.lines.readline()
        assert line, f"the connection ended over {method}"
        answer = json.loads(line)
        assert answer["id"] == self.number, answer
        return answer.get("result", answer.get("error"))

    def greet(self):
        return self.ask("initialize", protocol=[1], core={"name": "weir", "version": "0"}, worker={"name": "w", "id": "w.1"}, limits={}, capabilities=[], options={})

    def response(self) -> list:
        """The headers that the worker makes of those of a response."""
        return self.ask("response", flow=FLOW)["flow"]["response"]["headers"]

    def ended(self) -> bool:
        return self.lines.readline() == b""

    def close(self) -> None:
        # The file holds the socket, too.
        self.lines.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
