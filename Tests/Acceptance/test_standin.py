"""The stand-in for mitmproxy's package behaves as the package: each case is run with both, and must come to the same.

The cases are in `support/standin`. What only the stand-in does is tested below.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.mitmproxy import PYTHON
from support.proxy import ROOT

STANDIN = ROOT / "Sources/Bridge/standin"
RUN = Path(__file__).parent / "support/standin/run.py"

# A topic and how many cases it has at least.
TOPICS = {
    "headers": 150,
    "messages": 220,
    "views": 200,
    "states": 140,
    "filters": 600,
    "records": 300,
    "options": 70,
    "files": 160,
    "wire": 30,
    "small": 150,
    "bundled": 9,
    "fixtures": 10,
}


def results(python: Path | str, **environment: str) -> dict[str, dict[str, str]]:
    done = subprocess.run(
        [python, RUN], input=json.dumps(list(TOPICS)), capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def real():
    assert PYTHON.exists(), "there is no .venv-mitmproxy: run scripts/setup --tests"
    return results(PYTHON, PYTHONPATH="")


@pytest.fixture(scope="module")
def ours():
    return results(sys.executable, PYTHONPATH=str(STANDIN))


def first_difference(expected: str, found: str) -> str:
    at = next((index for index, pair in enumerate(zip(expected, found)) if pair[0] != pair[1]), min(len(expected), len(found)))
    start = max(0, at - 60)
    return f"mitmproxy …{expected[start : at + 80]!r}, stand-in …{found[start : at + 80]!r}"


@pytest.mark.seconds(120)
@pytest.mark.parametrize("topic", TOPICS)
def test_the_standin_behaves_as_mitmproxy(topic, real, ours):
    assert len(real[topic]) >= TOPICS[topic]
    assert list(ours[topic]) == list(real[topic])
    different = [f"{case}: {first_difference(real[topic][case], text)}" for case, text in ours[topic].items() if text != real[topic][case]]
    assert not different, "\n".join([f"{len(different)} of {len(real[topic])} cases differ", *different[:10]])


def with_standin(code: str, *flags: str) -> str:
    """What the code prints; it sees the stand-in and the standard library alone."""
    started = f"import sys; sys.path.insert(0, {str(STANDIN)!r})\n{code}"
    done = subprocess.run([sys.executable, "-I", "-S", *flags, "-c", started], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


ABSENT = [
    ("from mitmproxy.proxy import layers", "mitmproxy.proxy.layers", "the proxy's layers"),
    ("from mitmproxy.proxy.layers import HttpLayer", "mitmproxy.proxy.layers", "the proxy's layers"),
    ("import mitmproxy.proxy.layers.http", "mitmproxy.proxy.layers", "the proxy's layers"),
    ("from mitmproxy.proxy import commands, events", "mitmproxy.proxy.commands", "the proxy's layers"),
    ("import mitmproxy.master; mitmproxy.master.Master()", "mitmproxy.master.Master()", "own process"),
    ("from mitmproxy.tools.dump import DumpMaster", "mitmproxy.tools", "command line"),
    ("from mitmproxy.addons import proxyauth", "mitmproxy.addons.proxyauth", "addons"),
    ("from mitmproxy.http import Nope", "mitmproxy.http.Nope", "does not have it"),
    ("import mitmproxy.connections", "mitmproxy.connections", "does not have it"),
    ("from mitmproxy import nope", "mitmproxy.nope", "does not have it"),
    ("import mitmproxy.http; mitmproxy.http.nope", "mitmproxy.http.nope", "does not have it"),
    ("from mitmproxy import contentviews; contentviews.add(contentviews.View())", "mitmproxy.contentviews.add", "console"),
    ("from mitmproxy.certs import CertStore", "mitmproxy.certs.CertStore", "does not have it"),
]


@pytest.mark.parametrize("statement, name, reason", ABSENT)
def test_what_is_absent_is_named_with_the_reason(statement, name, reason):
    code = f"try:\n    {statement}\nexcept (ImportError, AttributeError, NotImplementedError) as error:\n    print(error)\nelse:\n    print('nothing')"
    printed = with_standin(code)
    assert printed.startswith(f"{name} is not available in Weir's stand-in for mitmproxy: "), printed
    assert reason in printed


def test_what_is_absent_can_be_asked_for():
    code = "import mitmproxy.http; print(hasattr(mitmproxy.http, 'nope'), hasattr(mitmproxy, 'nope'), getattr(mitmproxy.http, 'nope', 5))"
    assert with_standin(code) == "False False 5\n"


def test_modules_are_there_without_an_import_of_their_own():
    code = "import mitmproxy; print(mitmproxy.http.HTTPFlow.__name__, mitmproxy.proxy.server_hooks.ServerConnectionHookData.__name__)"
    assert with_standin(code) == "HTTPFlow ServerConnectionHookData\n"


def test_every_module_loads_without_any_other_package():
    modules = sorted(
        ".".join(path.relative_to(STANDIN).with_suffix("").parts).removesuffix(".__init__") for path in (STANDIN / "mitmproxy").rglob("*.py")
    )
    assert len(modules) > 60
    code = f"import importlib\nfor name in {modules}:\n    importlib.import_module(name)\nprint('loaded')"
    assert with_standin(code) == "loaded\n"


def test_codings_without_their_modules_are_refused_as_mitmproxy_refuses_unknown_ones():
    code = """
from mitmproxy import http
for coding in ("br", "zstd"):
    response = http.Response.make(200, b"x", {"content-encoding": coding})
    print(response.headers.get("content-encoding"), response.raw_content)
    response = http.Response(b"HTTP/1.1", 200, b"OK", ((b"content-encoding", coding.encode()),), b"coded", None, 0, 0)
    try:
        response.content
    except ValueError:
        print("refused", response.get_content(strict=False))
"""
    assert with_standin(code) == "None b'x'\nrefused b'coded'\n" * 2


def test_a_held_flow_is_waited_for():
    code = """
import asyncio
from mitmproxy import connection, http

flow = http.HTTPFlow(connection.Client(peername=("a", 1), sockname=("b", 2)), connection.Server(address=None), True)

async def wait():
    for _ in range(2):
        flow.intercept()
        waiting = asyncio.create_task(flow.wait_for_resume())
        await asyncio.sleep(0)
        print("waits", not waiting.done())
        flow.resume()
        await asyncio.wait_for(waiting, 5)
        await asyncio.wait_for(flow.wait_for_resume(), 5)

asyncio.run(wait())
"""
    assert with_standin(code) == "waits True\n" * 2


def test_what_surrounds_an_addon_is_missing_until_it_is_set():
    code = """
from mitmproxy import ctx
try:
    ctx.options
except AttributeError as error:
    print(error)
ctx.options = 5
print(ctx.options)
"""
    assert with_standin(code) == "mitmproxy.ctx.options is set while an addon runs; nothing runs here\n5\n"


def test_concurrent_hooks_run_beside_each_other():
    code = """
import asyncio, threading
from mitmproxy.script import concurrent

together = threading.Barrier(3)

class Addon:
    @concurrent
    def request(self, flow):
        together.wait(10)
        flow.append(threading.current_thread() is not threading.main_thread())

async def main():
    flows = [[], [], []]
    await asyncio.gather(*(Addon().request(flow) for flow in flows))
    print(flows)

asyncio.run(main())
try:
    @concurrent
    def load(loader): ...
except NotImplementedError as error:
    print(error)
"""
    assert with_standin(code) == "[[True], [True], [True]]\nConcurrent decorator not supported for 'load' method.\n"


DEEP = [
    ("flowfilter.parse('(' * 100_000)", "ValueError"),
    ("flowfilter.parse('!' * 100_000)", "ValueError"),
    ("list(io.FlowReader(BytesIO(nested(100_000))).stream())", "FlowReadException"),
    ("dns.Message.unpack(pointers(8_000))", "error"),
    ("certs.Cert.from_pem(b'-----BEGIN CERTIFICATE-----' + b' ' * 1_000_000)", "ValueError"),
]


@pytest.mark.parametrize("expression, error", DEEP)
def test_what_is_nested_too_deeply_is_refused(expression, error):
    code = f"""
from io import BytesIO
from mitmproxy import certs, dns, flowfilter, io

def nested(depth):
    parts, size = [b"0:]"], 3
    for _ in range(depth):
        parts.append(b"%d:" % size)
        size += len(parts[-1]) + 1
    return b"".join(reversed(parts)) + b"]" * depth

def pointers(count):
    at = [(0xC000 | 12 + 2 * index + 2).to_bytes(2, "big") for index in range(count)]
    return bytes.fromhex("002a01000001000000000000") + b"".join(at) + bytes(5)

try:
    {expression}
except Exception as error:
    print(type(error).__name__)
"""
    assert with_standin(code) == f"{error}\n"
