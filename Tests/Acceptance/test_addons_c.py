"""The library for addons in C, its examples, and what a new addon starts with. The probe runs with the compiler's sanitizers."""

import subprocess

import pytest

pytest.register_assert_rewrite("support.sdk")

from support.carriage import fetch, giving, reverse, serving
from support.endless import BLOCK, TOTAL, Endless
from support.sdk import EXAMPLES, SOURCES, DescriptorTests, NewTests, SDKTests, build_examples

SDK = EXAMPLES / "c/sdk"
SANITIZED = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]


def flags() -> list[str]:
    return subprocess.run(["pkg-config", "--cflags", "--libs", "json-c"], check=True, capture_output=True, text=True).stdout.split()


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    made = tmp_path_factory.mktemp("c") / "probe"
    command = ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", *SANITIZED, "-I", SDK, "-o", made, SOURCES / "probe.c", *SDK.glob("*.c"), *flags()]
    subprocess.run(command, check=True, timeout=60)
    return [made]


class TestC(SDKTests):
    peak = 400 << 20  # the sanitizer keeps what is freed for a while


class TestDescriptors(DescriptorTests):
    pass


class TestNew(NewTests):
    language = "c"


@pytest.fixture(scope="module")
def examples():
    build_examples("c")


@pytest.mark.parametrize("level", [None, "untrusted"])
def test_the_header_example_marks_requests_and_responses(weir, origin, examples, level):
    server = origin(serving("length", giving(b"ok")))
    proxy = weir(modes=[reverse(server, "length")], addons=[str(EXAMPLES / "c/header/header")], level=level)
    seen = fetch(proxy, headers=[("X-Addon", "0")])
    assert seen.all("x-addon") == [b"1"] and server.received[0].all("x-addon") == [b"0", b"1"]


def test_the_upper_example_changes_a_long_body(weir, origin, examples):
    server = origin(serving("length", Endless()))
    proxy = weir(modes=[reverse(server, "length")], addons=[str(EXAMPLES / "c/upper/upper")], level=None)
    seen = fetch(proxy, seconds=25)
    assert seen.complete and seen.body == (BLOCK.upper() * (TOTAL // len(BLOCK) + 1))[:TOTAL]


def test_it_is_installed_and_found_by_pkg_config(tmp_path):
    subprocess.run(["make", "-s", "-C", SDK, "install", "PREFIX=/opt/weir", f"DESTDIR={tmp_path}"], check=True, timeout=60)
    environment = {"PATH": "/usr/bin:/bin", "PKG_CONFIG_PATH": str(tmp_path / "opt/weir/lib/pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": ""}
    found = subprocess.run(["pkg-config", "--define-variable=prefix=" + str(tmp_path / "opt/weir"), "--cflags", "--libs", "weir"],
                           check=True, capture_output=True, text=True, env=environment).stdout.split()
    subprocess.run(["cc", "-o", tmp_path / "header", EXAMPLES / "c/header/header.c", *found], check=True, timeout=60)
