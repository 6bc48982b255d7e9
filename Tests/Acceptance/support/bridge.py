"""Addons of mitmproxy, written by the tests, run by both back ends of the bridge."""

import sys
import textwrap
from pathlib import Path

import pytest

from .mitmproxy import PYTHON
from .proxy import Weir

BOTH = pytest.mark.parametrize("package", ["real", "standin"])


class Bridge:
    """`bridge(text, *arguments)` starts a proxy with that addon; `package` is real or standin."""

    def __init__(self, weir, folder: Path, package: str):
        self._weir, self.package = weir, package
        self.folder = folder / "addons"
        self.folder.mkdir()

    def write(self, text: str, name: str = "addon.py") -> Path:
        file = self.folder / name
        file.write_text(textwrap.dedent(text))
        return file

    @property
    def options(self) -> list[str]:
        python = PYTHON if self.package == "real" else sys.executable
        return ["--set", f"addon_python={python}", "--set", f"addon_mitmproxy={self.package}"]

    def __call__(self, text: str, *arguments: str, addons=(), **options) -> Weir:
        file = self.write(text)
        return self._weir(*self.options, *arguments, addons=[str(file), *addons], **options)
