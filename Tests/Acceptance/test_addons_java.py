"""The library for addons in Java, its examples, and what a new addon starts with."""

import subprocess

import pytest

pytest.register_assert_rewrite("support.sdk")

from support.carriage import fetch, giving, reverse, serving
from support.names import NameServer, answering, ask, texts
from support.proxy import free_port
from support.sdk import EXAMPLES, MIB, SOURCES, NewTests, SDKTests, build_examples


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    made = tmp_path_factory.mktemp("java") / "probe.jar"
    subprocess.run([EXAMPLES / "java/sdk/jar", made, "Probe", SOURCES / "Probe.java"], check=True, timeout=60)
    return [made]


class TestJava(SDKTests):
    in_flight = 24  # one thread each, and a cage has 64
    peak = 400 * MIB  # a virtual machine with a heap of 192 MB


class TestNew(NewTests):
    language = "java"


@pytest.fixture(scope="module")
def examples():
    build_examples("java")


def test_the_header_example_marks_requests_and_responses(weir, origin, examples):
    server = origin(serving("length", giving(b"ok")))
    proxy = weir(modes=[reverse(server, "length")], addons=[str(EXAMPLES / "java/header/header.jar")], level=None)
    seen = fetch(proxy, headers=[("X-Addon", "0")])
    assert seen.all("x-addon") == [b"1"] and server.received[0].all("x-addon") == [b"0", b"1"]


def test_the_dns_example_overrides_names_for_queries_and_connections(caller, origin, examples):
    names, server, port = NameServer(answering("A 192.0.2.1")), origin(serving("length", giving(b"overridden"))), free_port()
    hosts = ["api.test=127.0.0.1", "*.lan=fd00::1", "*.lan=127.0.0.9"]
    options = [word for host in hosts for word in ("--set", f"dns_hosts={host}")]
    try:
        proxy, worker = caller(
            *options, modes=["regular", f"reverse:dns://{names.authority}@{port}"], ports=[port], addons=[str(EXAMPLES / "java/dns/dns.jar")], level=None,
            permissions=["options.set"])
        found = proxy.curl(f"http://API.test:{server.port}/")
        assert found.stdout == b"overridden", found.stderr
        assert texts(ask(port, "api.test", "A")) == ["A 127.0.0.1"] and texts(ask(port, "api.test", "AAAA")) == []
        assert texts(ask(port, "a.b.lan", "AAAA")) == ["AAAA fd00::1"] and texts(ask(port, "A.lan", "A")) == ["A 127.0.0.9"]
        assert texts(ask(port, "lan", "A")) == ["A 192.0.2.1"] and len(names.queries) == 1
        assert worker.call("options.set", options={"dns_hosts": ["lan=127.0.0.8"]})["result"] == {}
        assert texts(ask(port, "lan", "A")) == ["A 127.0.0.8"]
        refused = worker.call("options.set", options={"dns_hosts": ["lan=other.test"]})["error"]
        assert "expected NAME=ADDRESS, not 'lan=other.test'" in refused["message"]
    finally:
        names.stop()
