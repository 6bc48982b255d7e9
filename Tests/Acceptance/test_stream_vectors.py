"""The published dialogues of streams, with an example as their worker: the core's lines are sent, the worker's are awaited."""

import json
import os
import socket
import subprocess

import pytest

from support.proxy import ROOT

WORKER = ROOT / "addon-examples/python/upper/upper.py"


def matches(value, pattern) -> bool:
    if not isinstance(pattern, dict):
        return value == pattern
    return isinstance(value, dict) and all(name in value and matches(value[name], wanted) for name, wanted in pattern.items())


@pytest.mark.parametrize("name", ["stream", "stream-credit", "streams-at-once"])
def test_a_worker_that_upper_cases_says_what_the_dialogue_says(name):
    steps = json.loads((ROOT / f"Protocol/vectors/{name}.json").read_text())["steps"]
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    worker = subprocess.Popen([WORKER], pass_fds=[theirs.fileno()], env={**os.environ, "WEIR_ADDON_FD": str(theirs.fileno())})
    theirs.close()
    lines = ours.makefile("rb")
    for step in steps:
        if "core" in step:
            ours.sendall(json.dumps(step["core"]).encode() + b"\n")
        else:
            said = json.loads(lines.readline())
            # What it hooks, and with which limits, is the worker's own affair.
            wanted = step["worker"] if "hooks" not in step["worker"].get("result", {}) else {"id": step["worker"]["id"]}
            assert matches(said, wanted), (said, wanted)
    ours.shutdown(socket.SHUT_RDWR)
    assert worker.wait(10) == 0
