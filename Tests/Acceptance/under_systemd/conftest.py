"""What these tests share: weir and its units, which are installed once. They run inside scripts/boot-systemd, see ../test_systemd.py."""

import os
import shutil
from pathlib import Path

import pytest
from support.proxy import ROOT
from support.units import install, systemctl

ADDONS = Path("/var/lib/weir-addons")


@pytest.fixture(scope="session")
def installed():
    install("--prefix", "/usr")


class Activated:
    """An addon in a unit of its own."""

    def __init__(self, name: str, code: str = "", example: str = "", command: str = ""):
        self.name, self.service, self.socket = name, f"weir-addon@{name}.service", f"weir-addon@{name}.socket"
        self.path = f"/run/weir-addons/{name}.sock"
        (ADDONS / name).mkdir(parents=True)
        (ADDONS / name).chmod(0o755)
        if command:
            Path(f"/etc/weir/addons/{name}.conf").write_text(f"WEIR_ADDON_COMMAND={command}\n")
        text = (ROOT / "addon-examples" / example).read_bytes() if example else code.encode()
        if text:
            file = ADDONS / name / (Path(example).name if command else "run")
            file.write_bytes(text)
            file.chmod(0o755)
        systemctl("start", self.socket)


@pytest.fixture
def activated(installed):
    """`activated(name, code)` makes an addon that systemd starts; with `example` and `command` one of addon-examples; without both only its folder."""
    made = []

    def make(*arguments, **options) -> Activated:
        made.append(Activated(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        systemctl("stop", one.socket, one.service)
        systemctl("reset-failed", one.socket, one.service, status=None)
        shutil.rmtree(ADDONS / one.name)


os.umask(0o022)
