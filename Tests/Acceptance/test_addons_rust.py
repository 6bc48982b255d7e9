"""The library for Rust and its examples, over real traffic and in the cage that addons are in by default."""

import os
import re
import subprocess
import time

import pytest

from support.calls import asked, refused
from support.proxy import ROOT, eventually, free_port
from support.wire import Closed, Wire

pytest.register_assert_rewrite("support.probe_cases")

from support.probe_cases import *  # noqa: E402, F403

RUST = ROOT / "addon-examples/rust"


def compiled(source, result, *options: str):
    """What the compiler makes of one file and of the library that the examples have."""
    library = ["--edition", "2021", "--extern", f"weir={ROOT}/.build/rust/release/libweir.rlib"]
    environment = {**os.environ, "CARGO_MANIFEST_DIR": str(RUST / "sdk")}
    subprocess.run(["rustc", *library, *options, "-o", result, source], check=True, timeout=200, env=environment)
    return result


@pytest.fixture(scope="module")
def language():
    return "rust"


@pytest.fixture(scope="module")
def by_descriptor():
    return False


@pytest.fixture(scope="module", autouse=True)
def built():
    subprocess.run([RUST / "build"], check=True, timeout=300)


@pytest.fixture
def header():
    return RUST / "header/header"


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    return compiled(ROOT / "Tests/Acceptance/support/probe.rs", tmp_path_factory.mktemp("probe") / "probe")


def test_the_librarys_own_tests_pass(tmp_path):
    done = subprocess.run([compiled(RUST / "sdk/tests/wire.rs", tmp_path / "wire", "--test")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and re.search("ok. [1-9][0-9]* passed", done.stdout), done.stdout + done.stderr


# block

LIST = """\
# a hosts file
127.0.0.1 localhost
0.0.0.0 ads.example  more.example # two
::1 six.example
! a plain list
Plain.Example.
*.below.example
"""
BLOCKED = ["ads.example", "www.ads.example", "MORE.example", "a.b.c.plain.example", "below.example", "x.below.example", "six.example:8080"]


@pytest.fixture
def domains(tmp_path):
    """A list in a folder of its own."""
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "hosts").write_text(LIST)
    return folder / "hosts"


def status(run, host: str) -> int:
    """What a proxy in reverse mode answers to a request for that host."""
    with run.connect() as wire:
        wire.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return wire.response().status


def test_block_answers_for_the_hosts_of_a_list_and_below(weir, origin, domains):
    server = origin()
    port = free_port()
    modes = [f"reverse:http://{server.authority}", f"regular@{port}"]
    run = weir("--set", "keep_host_header=true", addons=[f"exec:{RUST}/block/block {domains}"], modes=modes, ports=[port], level=None)
    for host in BLOCKED:
        with Wire.to(port) as wire:
            wire.send(f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            response = wire.response()
            assert response.status == 403 and b"blocked" in response.body, host
        with Wire.to(port) as wire:
            wire.send(f"CONNECT {host.removesuffix(':8080')}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert wire.response().status == 403, host
    for host in ("example", "badads.example", "localhost", "two", "ads.example.com"):
        assert status(run, host) == 200, host
    # The name that the client asks for counts, wherever the request goes.
    assert status(run, "www.ads.example") == 403
    assert len(server.received) == 5


@pytest.mark.parametrize("answer", ["204", "kill"])
def test_block_answers_as_it_is_told_and_counts(weir, caller, domains, answer):
    options = ["--set", f"blocked_hosts={domains}", "--set", f"blocked_answer={answer}", "--set", f"addon_read={domains.parent}"]
    run, worker = caller(*options, addons=[f"{RUST}/block/block"], permissions=["metrics.get"], level=None)
    if answer == "kill":
        with pytest.raises(Closed):
            run.get("http://a.ads.example/")
    else:
        assert run.get("http://a.ads.example/").status == 204

    def counted():
        return [(entry["value"], entry["labels"]) for entry in asked(worker, "metrics.get")["metrics"] if entry["name"] == "blocked"]

    assert eventually(counted, what="the counter") == [(1, {"domain": "ads.example"})]


def test_block_reads_a_list_anew_that_has_changed(weir, origin, domains):
    options = ["keep_host_header=true", f"blocked_hosts={domains}", f"addon_read={domains.parent}"]
    words = [word for option in options for word in ("--set", option)]
    run = weir(*words, addons=[f"{RUST}/block/block"], modes=[f"reverse:http://{origin().authority}"], level=None)
    assert (status(run, "ads.example"), status(run, "new.example")) == (403, 200)
    replacement = domains.parent / "new"
    replacement.write_text("ads.example\n0.0.0.0 new.example")
    replacement.rename(domains)
    eventually(lambda: status(run, "new.example") == 403, what="the new list")
    assert (status(run, "ads.example"), status(run, "six.example")) == (403, 200)
    domains.unlink()
    eventually(lambda: status(run, "other.example") == 200 and "cannot be read" in run.log, what="what the log says of it")
    assert status(run, "new.example") == 403, "a list that cannot be read is kept"


# faults


def choices(weir, server, *options: str, requests: int = 40) -> list:
    """What became of so many requests: a status, or None for a connection that ended."""
    words = [word for option in options for word in ("--set", option)]
    run = weir(*words, addons=[str(RUST / "faults/faults")], level=None)
    found = []
    for _ in range(requests):
        try:
            found.append(run.get(server.url()).status)
        except Closed:
            found.append(None)
    run.stop()
    return found


def test_faults_are_chosen_by_chance_that_can_be_had_again(weir, origin):
    server = origin()
    options = ["faults_drop=0.25", "faults_error=0.25", "faults_status=599"]
    first = choices(weir, server, *options, "faults_seed=1")
    assert {200, 599, None} == set(first) and 10 <= first.count(200) <= 36
    assert choices(weir, server, *options, "faults_seed=1") == first
    assert choices(weir, server, *options, "faults_seed=2") != first
    # Errors alone come where they came before.
    alone = choices(weir, server, "faults_error=0.25", "faults_status=599", "faults_seed=1")
    assert all(status == (599 if before == 599 else status) for status, before in zip(alone, first)) and None not in alone


def test_faults_none_are_none(weir, origin):
    assert choices(weir, origin(), requests=3) == [200] * 3


def test_faults_delay_the_requests_of_a_filter_beyond_the_time_of_an_event(weir, origin):
    server = origin()
    options = ("--set", "faults_delay=1", "--set", "faults_delay_ms=700", "--set", "addon_timeout=0.3", "--set", "faults_error=1")
    run = weir(*options, addons=[f"exec:{RUST}/faults/faults '~u /slow & ~m GET'"], level=None)
    begun = time.monotonic()
    assert run.get(server.url("/slow")).status == 503
    assert time.monotonic() - begun > 0.7
    assert run.get(server.url("/other")).status == 200
    assert run.get(server.url("/slow"), method="POST", body=b"x").status == 200


def test_faults_refuse_values_without_sense(caller):
    run, worker = caller(addons=[str(RUST / "faults/faults")], permissions=["options.set"], level=None)
    for option in ({"faults_drop": 1.5}, {"faults_error": -0.1}, {"faults_status": 200}, {"faults_delay_ms": 60000}):
        assert refused(worker, "options.set", options=option)["data"]["kind"] == "vetoed", option
    asked(worker, "options.set", options={"faults_drop": 1, "faults_status": 500})
