"""The core's end of a spawned worker's socket, for what a test says line by line; the worker is any command."""

import json
import os
import socket
import subprocess


class Dialogue:
    """`greeting` is what is different in `initialize`; `hello` is what the worker answered to it."""

    def __init__(self, command: list[str], greet=True, **greeting):
        ours, theirs = socket.socketpair()
        self.socket = ours
        ours.settimeout(10)
        environment = {**os.environ, "WEIR_ADDON_FD": str(theirs.fileno())}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, stdout=pipe, stderr=pipe)
        theirs.close()
        self.lines = ours.makefile("rb")
        self.hello = self.ask(1, "initialize", protocol=[1], limits={"stream_credit": 262144}, capabilities=[], options={}, **greeting)["result"] if greet else None

    def write(self, line: bytes) -> None:
        self.socket.sendall(line + b"\n")

    def send(self, method: str, number=None, **params) -> None:
        """A notification, or with a number a request; what is no ASCII goes as UTF-8."""
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        self.write(json.dumps(message if number is None else {**message, "id": number}, ensure_ascii=False).encode())

    def read(self) -> dict:
        line = self.lines.readline()
        assert line.endswith(b"\n"), f"the worker ended: {self.said()}"
        return json.loads(line)

    def ask(self, number: int, method: str, **params) -> dict:
        self.send(method, number, **params)
        answer = self.read()
        assert answer["id"] == number, answer
        return answer

    def close(self) -> int:
        """Ends the connection; the worker's status."""
        self.socket.shutdown(socket.SHUT_RDWR)
        return self.process.wait(10)

    def said(self) -> str:
        """What the worker printed until its end."""
        return "".join(part.decode() for part in self.process.communicate(timeout=10))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()
        self.process.kill()
        self.process.communicate()
