"""The units under a real systemd: each part is a boot of its own, in which the tests of under_systemd/ run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.proxy import BINARY, ROOT

PARTS = sorted(path.name for path in (Path(__file__).parent / "under_systemd").glob("test_*.py"))


@pytest.mark.seconds(240)
@pytest.mark.parametrize("part", PARTS)
def test_under_a_real_systemd(part):
    command = [ROOT / "scripts/boot-systemd", "env", f"WEIR_BINARY={BINARY}", f"UNDER_SYSTEMD={part}"]
    command += [sys.executable, "-m", "pytest", "-q", "-rA", "--tb=short", "--durations=5", Path(__file__).parent / "under_systemd" / part]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    print(done.stdout)
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
