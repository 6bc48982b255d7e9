"""Workers as the tests see them: a script generated into the test's folder, and the events that it recorded."""

import json
import sys
from pathlib import Path

from .proxy import eventually

SUPPORT = Path(__file__).parent

HEAD = """\
import json, os, sys, threading, time
sys.path.insert(0, {support!r})
from worker import SILENT, Failure, Worker, path
worker = Worker({record!r}, {hooks!r}, **{options!r})
"""


class Addon:
    """One generated worker; `code` registers its handlers with `@worker.on(name)`."""

    def __init__(self, folder: Path, name: str, hooks: list, code: str = "", form: str = "exec", **options):
        self.script, self.file, self.form = folder / f"{name}.py", folder / f"{name}.jsonl", form
        self.name = name
        if form == "stdio":
            options["stdio"] = True
        head = HEAD.format(support=str(SUPPORT), record=str(self.file), hooks=hooks, options=options)
        self.script.write_text(head + code + "\nworker.run()\n")

    @property
    def command(self) -> list[str]:
        return [sys.executable, str(self.script)]

    @property
    def spec(self) -> str:
        return f"{self.form}:{' '.join(self.command)}"

    def records(self) -> list[dict]:
        if not self.file.exists():
            return []
        return [json.loads(line) for line in self.file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]

    def messages(self, method: str | None = None) -> list[dict]:
        found = [record["message"] for record in self.records() if "message" in record]
        return [message for message in found if method is None or message.get("method") == method]

    def events(self) -> list[str]:
        """The names of what arrived since the handshake, liveness and shutdown messages left out."""
        own = ("initialize", "initialized", "ping", "drain", "shutdown", "cancel")
        return [message["method"] for message in self.messages() if message.get("method") not in (None, *own)]

    def pids(self, method: str | None = None) -> list[int]:
        """The processes that received `method`, oldest first, each once."""
        found = [r["pid"] for r in self.records() if "message" in r and method in (None, r["message"].get("method"))]
        return list(dict.fromkeys(found))

    def wait(self, method: str, count: int = 1, seconds: float = 5) -> list[dict]:
        """The messages of that method, once there are at least `count`."""
        eventually(lambda: len(self.messages(method)) >= count, seconds, f"{count} × {method} at {self.name}")
        return self.messages(method)
