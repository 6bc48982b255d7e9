"""Evaluates the cases with whatever `mitmproxy` this Python finds. Runs in `.venv-mitmproxy` and with the stand-in; see `test_standin.py`.

Standard input is a JSON list of topics, standard output one JSON object: topic, case, what came of it as text. Time, ids and
randomness are the same in each run, so equal behaviour is equal text.
"""

import importlib
import json
import logging
import random
import re
import sys
import time
import uuid
import warnings
from pathlib import Path

NOW = 1_000_000_000.0

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
sys.path.insert(0, str(Path(__file__).parent))


def shown(value: object) -> str:
    """The value, without what differs from run to run or is no behaviour."""
    if isinstance(value, Exception):
        return f"raises {type(value).__name__}"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def attempt(what, *arguments) -> object:
    try:
        return what(*arguments)
    except Exception as error:
        return error


def same_ids() -> None:
    seeded = random.Random(7)
    uuid.uuid4 = lambda: uuid.UUID(int=seeded.getrandbits(128), version=4)
    random.seed(7)


def answers(topic: str) -> dict[str, str]:
    """A module has `EXPRESSIONS`, one a line, `cases()`, which yields names with functions, or both."""
    module = importlib.import_module(topic)
    found = {}
    for line in getattr(module, "EXPRESSIONS", "").strip().splitlines():
        if not line.strip():
            continue
        same_ids()
        found[line] = shown(attempt(eval, line, dict(vars(module))))
    for name, function in getattr(module, "cases", list)():
        assert name not in found, f"two cases are called {name}"
        same_ids()
        found[name] = shown(attempt(function))
    return found


time.time = lambda: NOW
json.dump({topic: answers(topic) for topic in json.load(sys.stdin)}, sys.stdout)
