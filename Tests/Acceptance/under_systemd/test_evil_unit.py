"""The program `evil` as an activated addon, in the unit as it is: none of its attacks may succeed."""

import shutil
from pathlib import Path

import pytest
from support.cage import Field, build_evil
from support.core_side import CoreSide
from support.units import journal

# What counts as a success and leads to nothing.
HARMLESS = {
    "parent-signal": "its parent is of its own unit",
    "core-signal-by-io": "the kernel asks for the rights when it would send the signal",
}


@pytest.mark.seconds(90)
def test_none_of_the_attacks_succeeds(activated, tmp_path):
    field = Field(build_evil(tmp_path), 0)
    try:
        bare = field.attack(is_bare=True)
        assert sum(bare.values()) >= 80, bare
        assert field.heard()
        # What it prints goes to its connection.
        addon = activated("evil", command="--stdio /addon/evil /addon/targets")
        for file in (field.program, field.targets):
            shutil.copy(file, Path("/var/lib/weir-addons/evil") / file.name)
        with CoreSide(addon.path, seconds=60) as core:
            results = dict(line.decode().split() for line in core.lines)
        print(f"evil: {sum(bare.values())} of {len(bare)} attacks succeed bare, {list(results.values()).count('BREACH')} of {len(results)} in the unit")
        assert results.keys() == bare.keys(), journal("-u", addon.service)
        assert sorted(name for name, result in results.items() if result != "denied" and name not in HARMLESS) == []
        assert field.heard() == []
        assert all(process.poll() is None for process in field.processes)
    finally:
        field.close()
