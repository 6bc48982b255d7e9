"""The library for addons in Swift, its examples, and what a new addon starts with."""

import subprocess

import pytest

pytest.register_assert_rewrite("support.sdk")

from support.carriage import fetch, giving, reverse, serving
from support.metrics import Probes
from support.sdk import EXAMPLES, SOURCES, NewTests, SDKTests, build_examples

BUILT = EXAMPLES / "swift/.build/release"


@pytest.fixture(scope="module")
def examples():
    build_examples("swift")


@pytest.fixture(scope="module")
def program(tmp_path_factory, examples):
    made = tmp_path_factory.mktemp("swift") / "probe"
    command = ["swiftc", "-O", "-swift-version", "6", "-warnings-as-errors", "-static-stdlib", "-I", BUILT / "Modules", "-o", made, SOURCES / "probe.swift"]
    # What an older library left there is not part of this one.
    objects = [BUILT / "AddonKit.build" / f"{source.name}.o" for source in (EXAMPLES / "swift/sdk/Sources/AddonKit").glob("*.swift")]
    subprocess.run([*command, *objects], check=True, timeout=120)
    return [made]


@pytest.mark.seconds(240)
class TestSwift(SDKTests):
    pass


class TestNew(NewTests):
    language = "swift"


@pytest.mark.seconds(240)
@pytest.mark.parametrize("level", [None, "untrusted"])
def test_the_header_example_marks_requests_and_responses(weir, origin, examples, level):
    server = origin(serving("length", giving(b"ok")))
    proxy = weir(modes=[reverse(server, "length")], addons=[str(EXAMPLES / "swift/header/header")], level=level)
    seen = fetch(proxy, headers=[("X-Addon", "0")])
    assert seen.all("x-addon") == [b"1"] and server.received[0].all("x-addon") == [b"0", b"1"]


@pytest.mark.seconds(240)
def test_the_counter_example_counts_for_prometheus(weir, origin, examples):
    server, metrics = origin(serving("length", lambda reply, seen: giving(b"ok", status=404 if seen.path == "/none" else 200)(reply, seen))), Probes()
    proxy = weir(*metrics.arguments, modes=[reverse(server, "length")], addons=[str(EXAMPLES / "swift/counter/counter")], level=None)
    for path in ("/", "/none", "/"):
        assert fetch(proxy, path).complete
    metrics.wait(2, "addon_responses_total", host="127.0.0.1", status="2xx")
    metrics.wait(1, "addon_responses_total", host="127.0.0.1", status="4xx")
