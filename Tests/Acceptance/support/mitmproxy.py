"""The real mitmproxy, in an environment of its own, asked what it makes of the same flows."""

import base64
import json
import subprocess
from pathlib import Path

from .proxy import ROOT

PYTHON = ROOT / ".venv-mitmproxy/bin/python"


def ask(question: str, **members):
    assert PYTHON.exists(), "there is no .venv-mitmproxy: run scripts/setup --tests"
    script = Path(__file__).with_name("mitmproxy_oracle.py")
    done = subprocess.run(
        [PYTHON, "-I", script], input=json.dumps({"ask": question, **members}), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def har(states: list[dict]) -> dict:
    """The archive that mitmproxy writes of these states."""
    return ask("har", states=states)


def read(path: Path) -> list[dict]:
    """The states of the flows that mitmproxy reads in a file."""
    return ask("read", path=str(path))


def export(name: str, states: list[dict], keep_address: bool = False) -> list[bytes | str]:
    """What mitmproxy exports each state as; text is why it does not."""
    answers = ask("export", format=name, states=states, keep_address=keep_address)
    return [base64.b64decode(answer["b64"]) if "b64" in answer else answer["error"] for answer in answers]
