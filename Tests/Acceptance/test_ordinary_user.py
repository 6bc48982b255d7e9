"""Weir as a user without rights: the other tests may be run by root, who may do more than most who run it."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from support.proxy import BINARY, eventually, free_port, listening

USER = 65534


@pytest.fixture
def folder():
    """A folder that the user can reach and write; those of pytest are root's alone."""
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, USER, USER)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests are run by an ordinary user already")
def test_clients_are_served(folder, origin):
    program = folder / "weir"
    shutil.copy(BINARY, program)
    port = free_port()
    command = [program, "-p", str(port), "--listen-host", "127.0.0.1", "--confdir", folder / "confdir"]
    with open(folder / "log", "wb") as log:
        proxy = subprocess.Popen(command, user=USER, group=USER, extra_groups=[], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"HOME": str(folder), "PATH": os.environ["PATH"]})
    try:
        eventually(lambda: listening(port), 15, "the port")
        done = subprocess.run(["curl", "-sS", "--max-time", "10", "-x", f"http://127.0.0.1:{port}", origin().url()], capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("ok", ""), (folder / "log").read_text()
    finally:
        proxy.terminate()
        assert proxy.wait(10) == 0
