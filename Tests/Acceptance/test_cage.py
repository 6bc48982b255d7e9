"""The program `evil` bare, and in the cage: as root and as an ordinary user, with namespaces, without, and made by bubblewrap."""

import os
from pathlib import Path

import pytest

from support.cage import NOBODY, Field, build_evil
from support.proxy import eventually

# What does not succeed bare, so that its failing in the cage shows nothing: on some kernels, or for an ordinary user.
IMPOSSIBLE_HERE = {
    "socket-alg": "a kernel without AF_ALG",
    "socket-vsock": "a kernel without AF_VSOCK",
    "vsock-bind": "a kernel without AF_VSOCK",
    "key-by-link-race": "the race is lost now and then",
    "terminal-input": "takes a terminal of its own, or rights",
    "other-calls": "a kernel without the calls of i386, or another processor",
    "keys-session": "a container may refuse them",
    "keys-add": "a container may refuse them",
    "performance": "kernel.perf_event_paranoid",
    "page-faults": "a kernel without userfaultfd",
    "io-uring": "kernel.io_uring_disabled",
    "device-open": "a container without devices",
}
IMPOSSIBLE_FOR_USERS = dict.fromkeys(
    [
        "library-plant", "root-plant", "root-home-list", "root-change", "device-make", "file-by-handle", "other-user", "capabilities",
        "socket-raw", "socket-packet", "namespace-join", "bpf", "kernel-log", "kernel-settings", "host-name", "real-time", "priority",
        "parent-environment", "parent-signal",
    ], "takes root's rights")

# What a confined worker may by design, and no more.
CONFINED = {
    "shell": "it may run the system's programs",
    "code-writable": "compilers at run time",
    "code-written": "compilers at run time",
    "code-of-a-file": "compilers at run time",
    "watches": "inotify, of what it can see",
    "bomb-shared-memory": "the kernel limits private memory; the sum takes a control group",
    "bomb-shared-zeros": "as above",
}
CONFINED_OF_ROOT = dict.fromkeys(["bomb-processes", "bomb-threads"], "the kernel counts no processes of root's")
CONFINED_WITHOUT_NAMESPACES = dict.fromkeys(["bomb-many-files", "bomb-names"], "its temporary folder is on disk")
WITHOUT_NAMESPACES = {"key-metadata": "a name, size and time: Landlock does not rule over stat"}

USERS = [0, NOBODY] if os.geteuid() == 0 else [os.geteuid()]


@pytest.fixture(scope="module")
def evil(tmp_path_factory) -> Path:
    return build_evil(tmp_path_factory.mktemp("evil"))


@pytest.fixture(scope="module", params=USERS, ids=lambda user: "root" if user == 0 else "user")
def field(request, evil):
    field = Field(evil, request.param)
    yield field
    field.close()


@pytest.fixture(scope="module")
def bare(field):
    succeeded = field.attack(is_bare=True)
    assert set(field.heard()) == set(field.sockets)
    return succeeded


def test_the_attacks_succeed_bare(field, bare):
    failed = {name for name, succeeded in bare.items() if not succeeded}
    possible = IMPOSSIBLE_HERE | ({} if field.user == 0 else IMPOSSIBLE_FOR_USERS) | ({} if field.can_setuid else {"setuid-program": "takes root"})
    assert failed <= possible.keys()
    assert sum(bare.values()) >= 80


@pytest.mark.parametrize("options", [(), ("--namespaces", "no"), ("--back-end", "bwrap")], ids=["namespaces", "without", "bwrap"])
@pytest.mark.parametrize("level", ["confined", "untrusted"])
def test_caged(field, bare, level, options):
    succeeded = field.attack(field.caged("--level", level, *options))
    assert succeeded.keys() == bare.keys()
    allowed = {}
    if "--namespaces" in options and field.user != 0:
        # Root's untrusted workers are a user of their own, for whom the folder is closed.
        allowed |= WITHOUT_NAMESPACES
    if level == "confined":
        allowed |= CONFINED
        if field.user == 0:
            allowed |= CONFINED_OF_ROOT
        if "--namespaces" in options:
            allowed |= CONFINED_WITHOUT_NAMESPACES | WITHOUT_NAMESPACES
    assert {name for name, success in succeeded.items() if success} <= allowed.keys()
    assert field.heard() == []
    assert all(process.poll() is None for process in field.processes)
    for file in ("ca.pem", "flows", "movable"):
        assert (field.state / file).read_text() == "secret"
    eventually(lambda: not list(field.temporary.glob("weir-cage-*")), 5, "the removal of the temporary folder")


def test_a_descriptor_that_was_left_open_is_closed(field):
    assert field.attack(names=("inherited-descriptors",), is_bare=True) == {"inherited-descriptors": True}
    assert field.attack(field.caged("--level", "confined"), ("inherited-descriptors",)) == {"inherited-descriptors": False}
