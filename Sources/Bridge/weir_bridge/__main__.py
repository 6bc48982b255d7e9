"""Runs an addon of mitmproxy as a worker of weir: `python weir_bridge auto|real|standin ADDON.py`."""

import sys
from pathlib import Path

# A package of its own: what is beside this file has names that an addon's own modules may have.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from weir_bridge.worker import main  # noqa: E402

sys.path.pop(0)

main(*sys.argv[1:])
