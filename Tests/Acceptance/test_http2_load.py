"""Many streams at once: h2load's, and those of one connection of which one is held."""

import re
import subprocess
import time
from pathlib import Path

import pytest

from support.calls import asked, standing
from support.h2frames import Frames
from support.proxy import eventually

REQUESTS = 100_000
HELD_SECONDS = 10
HELD = f"""
@worker.on("request")
def request(message):
    if path(message) == "/held":
        time.sleep({HELD_SECONDS})
"""


def h2load(url: str, requests: int = REQUESTS) -> None:
    command = ["h2load", "-n", str(requests), "-c", "1", "-m", "100", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    counted = dict((word, int(number)) for number, word in re.findall(r"(\d+) (total|started|done|succeeded|failed|errored|timeout|2xx)", done.stdout))
    assert counted == {**dict.fromkeys(("total", "started", "done", "succeeded", "2xx"), requests), "failed": 0, "errored": 0, "timeout": 0}, done.stdout


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "cleartext"])
def test_h2load_and_nginx_agree_without_a_proxy(nginx, authority, secure):
    h2load(nginx(authority.leaf("127.0.0.1") if secure else None, http2=True).url())


@pytest.mark.seconds(300)
@pytest.mark.parametrize("server", ["tls-h2", "h2c", "h1"])
@pytest.mark.parametrize("client", ["https", "http"])
def test_none_of_100000_requests_over_100_streams_fails(weir, nginx, authority, client, server):
    origin = nginx(authority.leaf("127.0.0.1") if server == "tls-h2" else None, http2=server != "h1")
    scheme = {"tls-h2": "https", "h2c": "h2c", "h1": "http"}[server]
    trusted = ("-q", "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")
    proxy = weir(*trusted, modes=[f"reverse:{scheme}://{origin.authority}"])
    h2load(f"{client}://127.0.0.1:{proxy.port}/hello")
    served = origin.served(REQUESTS)
    assert len(served) == REQUESTS
    assert served[-1].endswith("HTTP/1.1" if server == "h1" else "HTTP/2.0")


class Gets:
    """Requests on one connection. Not with httpx: there a stream that waits can keep another from its answer that has come."""

    def __init__(self, port: int, ca: Path):
        self.frames = Frames.over_tls(port, ca)
        self.frames.wire.sock.settimeout(25)
        self.number = 1

    def begin(self, path: str) -> int:
        stream, self.number = self.number, self.number + 2
        self.frames.send(self.frames.headers(stream, (":method", "GET"), (":scheme", "https"), (":authority", "origin.test"), (":path", path)))
        return stream

    def end(self, *streams: int) -> float:
        """Waits for all of them; the time when the last one came."""
        for stream in streams:
            answer = self.frames.answer(stream)
            assert answer.status == 200 and answer.ended, answer
        return time.monotonic()


def with_others(port: int, ca: Path, held: str) -> tuple[float, float]:
    """Asks for `held`, then for 99 others on the same connection: the seconds until the last of the others came, and until it came."""
    gets = Gets(port, ca)
    gets.end(gets.begin("/first"))
    begun = time.monotonic()
    first = gets.begin(held)
    others = gets.end(*(gets.begin(f"/{n}") for n in range(99)))
    return others - begun, gets.end(first) - begun


def test_100_streams_and_nginx_share_a_connection_without_a_proxy(nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"), http2=True)
    others, last = with_others(server.port, authority.certificate, "/last")
    assert others < 2 and last < 2
    assert len(server.served(101)) == 101


@pytest.mark.seconds(60)
@pytest.mark.parametrize("server", ["tls-h2", "h1"])
@pytest.mark.parametrize("hook", ["request", "response"])
def test_a_flow_that_is_held_for_10_s_holds_up_none_of_99_on_its_connection(weir, nginx, authority, addon, server, hook):
    secure = server == "tls-h2"
    origin = nginx(authority.leaf("127.0.0.1") if secure else None, http2=secure)
    worker = addon([{"name": hook, "timeout_ms": 20_000}], HELD.replace('"request"', f'"{hook}"'), threads=True)
    trusted = ("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")
    proxy = weir(*trusted, modes=[f"reverse:{'https' if secure else 'http'}://{origin.authority}"], addons=[worker])
    others, held = with_others(proxy.port, proxy.ca, "/held")
    assert others < 3, "the others waited"
    assert HELD_SECONDS - 0.1 < held < HELD_SECONDS + 3
    flows = [message["params"]["flow"] for message in worker.messages(hook)]
    assert len(flows) == 101
    assert len({flow["client_conn"]["id"] for flow in flows}) == 1
    assert {flow["request"]["http_version"] for flow in flows} == {"HTTP/2.0"}


@pytest.mark.parametrize("ending", ["flow.resume", "flow.kill"])
def test_one_intercepted_stream_stands_still_alone(caller, nginx, authority, ending):
    """Its end, or its death, is its stream's alone."""
    origin = nginx(authority.leaf("127.0.0.1"), http2=True)
    trusted = ("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", "--set", "intercept=~u /held & ~q")
    proxy, worker = caller(*trusted, modes=[f"reverse:https://{origin.authority}"])

    gets = Gets(proxy.port, proxy.ca)
    held = gets.begin("/held")
    gets.end(*(gets.begin(f"/{n}") for n in range(20)))
    assert not gets.frames.answers.get(held)
    asked(worker, ending, id=standing(worker)["id"])
    if ending == "flow.resume":
        gets.end(held)
        assert gets.frames.answers[held].body == b"GET /held\n"
    else:
        assert gets.frames.answer(held).reset is not None
    gets.end(gets.begin("/after"))
    expected = 22 if ending == "flow.resume" else 21
    assert len(origin.served(expected)) == expected
