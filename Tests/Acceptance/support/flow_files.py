"""The real mitmproxy, in its own environment (`scripts/setup --tests`), as the other side of flow files."""

import base64
import json
import os
import subprocess
import time
from pathlib import Path

from .proxy import BINARY, ROOT, trusting

PYTHON = ROOT / ".venv-mitmproxy/bin/python"
SIDE = Path(__file__).with_name("mitmproxy_side.py")


def mitmproxy(*arguments):
    """What the script `mitmproxy_side.py` prints."""
    return subprocess.run([PYTHON, SIDE, *map(str, arguments)], check=True, capture_output=True, timeout=60).stdout


def states(path):
    """The states that mitmproxy's reader gives out, bytes as `{"bytes": hex}`; it must have read to the end."""
    found = json.loads(mitmproxy("states", path))
    assert found["error"] is None, found["error"]
    return found["states"]


def as_json(value):
    """A state of mitmproxy's after the conversion of byte strings that the protocol prescribes."""
    if isinstance(value, dict) and list(value) == ["bytes"]:
        octets = bytes.fromhex(value["bytes"])
        try:
            return octets.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(octets).decode()}
    if isinstance(value, dict):
        return {key: as_json(member) for key, member in value.items()}
    return [as_json(member) for member in value] if isinstance(value, list) else value


def once(*arguments, status=0, seconds=60, **options):
    """One run to its end; what it printed and what it said."""
    run = subprocess.run([BINARY, *trusting(arguments)], capture_output=True, text=True, timeout=seconds, **options)
    assert run.returncode == status, f"status {run.returncode}: {run.stderr}"
    return run


def peak(command, seconds=600) -> int:
    """Runs a command that must succeed; the result is the most memory that it held, in bytes.

    Not `ru_maxrss`, which counts what this process held when it forked.
    """
    process = subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    most, end = 0, time.monotonic() + seconds
    while process.poll() is None:
        assert time.monotonic() < end, "it does not end"
        with open(f"/proc/{process.pid}/status") as lines:
            most = max([most, *(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))])
        time.sleep(0.01)
    assert process.returncode == 0 and most > 0
    return most
