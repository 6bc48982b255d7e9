"""Fixtures of the acceptance tests. WEIR_BINARY is the proxy under test, `.build/release/weir` unless set."""

import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest
import websockets.sync.server

sys.path.insert(0, str(Path(__file__).parent))

from support.addon import Addon
from support.bridge import Bridge
from support.calls import ALL
from support.certificates import Authority
from support.manager import Manager
from support.nginx import Nginx
from support.origin import OK, Origin, answering
from support.proxy import BINARY, Weir, free_port
from support.websocket import Route, server_context
from support.worker import Worker


# They run inside a systemd, see test_systemd.py.
collect_ignore = [] if "UNDER_SYSTEMD" in os.environ else ["under_systemd"]

STREAMS = "from streams import Over, Streams\nstreams = Streams(worker)\n"


def pytest_sessionstart(session):
    if not BINARY.is_file():
        pytest.exit(f"no proxy at {BINARY}: build it, or set WEIR_BINARY", returncode=2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """Every test ends: one that hangs fails after its time."""
    marker = item.get_closest_marker("seconds")
    seconds = marker.args[0] if marker else 30

    def expired(*_):
        raise TimeoutError(f"the test took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Launcher:
    """Starts proxies and stops those that still run at the end."""

    def __init__(self, folder: Path, authority: Path | None):
        self.folder, self.authority, self.runs = folder, authority, []

    def __call__(self, *arguments: str, addons=(), modes=("regular",), ports=(), confdir: Path | None = None, env=None, wait=True, within=(), descriptors=(), level="trusted") -> Weir:
        """Runs `weir -p PORT --listen-host 127.0.0.1 --mode … --confdir … --addon … ARGUMENTS` and waits until it listens.

        `ports` names further ports to wait for; a mode of the form `mode@port` needs none from us. `within` is a command that ends by
        becoming the one behind it; it inherits `descriptors`. Workers of the tests write records where a cage would not let them: `level` None says nothing.
        """
        folder = self.folder / f"run{len(self.runs)}"
        folder.mkdir()
        if confdir is None:
            confdir = folder / "confdir"
            if self.authority:
                shutil.copytree(self.authority, confdir)
        port = free_port()
        command = ["-p", str(port), "--listen-host", "127.0.0.1", "--confdir", str(confdir)]
        if not any("kill_delay=" in str(word) for word in arguments):
            # A worker that sleeps in its test's name does not hold up its end for long.
            command += ["--set", "addon_kill_delay=1"]
        if level:
            command += ["--set", f"addon_level={level}"]
        for mode in modes:
            command += ["--mode", mode]
        for addon in addons:
            command += ["--addon", addon if isinstance(addon, str) else addon.spec]
        run = Weir(folder, confdir, command + list(arguments), port, env, within, descriptors)
        self.runs.append(run)
        awaited = [*ports] if modes and all("@" in mode for mode in modes) else [port, *ports]
        return run.wait_ready(awaited) if wait else run

    def stop(self) -> None:
        problems = []
        for run in self.runs:
            try:
                run.stop()
            except AssertionError as problem:
                problems.append(problem)
        if problems:
            raise problems[0]


@pytest.fixture(scope="session")
def own_authority(tmp_path_factory) -> Path:
    """A configuration folder in which the proxy has made its certificate authority; copied for every other run."""
    launcher = Launcher(tmp_path_factory.mktemp("authority"), None)
    confdir = launcher().confdir
    launcher.stop()
    return confdir


@pytest.fixture
def weir(tmp_path, own_authority):
    launcher = Launcher(tmp_path, own_authority)
    yield launcher
    launcher.stop()


@pytest.fixture(scope="module")
def module_weir(tmp_path_factory, own_authority):
    """As `weir`, for a table of cases that share one run."""
    launcher = Launcher(tmp_path_factory.mktemp("module"), own_authority)
    yield launcher
    launcher.stop()


@pytest.fixture
def manager(weir, tmp_path):
    """A service manager that starts proxies with sockets of its own, see support/manager.py."""
    one = Manager(weir, tmp_path)
    yield one
    one.close()


@pytest.fixture
def addon(tmp_path):
    """`addon(hooks, code)` makes a worker script; see support/addon.py."""

    def make(hooks: list, code: str = "", name: str = "worker", **options) -> Addon:
        return Addon(tmp_path, name, hooks, code, **options)

    return make


@pytest.fixture
def bridge(weir, tmp_path, request):
    """`bridge(text, *arguments)` runs an addon of mitmproxy, see support/bridge.py; the back end is the test's `package`."""
    return Bridge(weir, tmp_path, request.node.callspec.params.get("package", "standin") if hasattr(request.node, "callspec") else "standin")


@pytest.fixture
def streaming(addon):
    """`streaming(hooks, code)` makes a worker as `addon` does, whose code has `streams`; see support/streams.py."""
    return lambda hooks, code, *rest, **options: addon(hooks, STREAMS + code, *rest, **options)


@pytest.fixture
def origin():
    """`origin(serve)` starts a byte-exact origin; without an argument it answers 200 "ok" to everything."""
    made = []

    def make(serve=None, **options) -> Origin:
        made.append(Origin(serve or answering(OK), **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def serving():
    """`serving(handler, leaf=None)` starts a WebSocket server of the package websockets and returns its authority."""
    made = []

    def start(handler, leaf=None, **options) -> str:
        server = websockets.sync.server.serve(handler, "127.0.0.1", 0, ssl=server_context(leaf) if leaf else None, max_size=None, **options)
        made.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{server.socket.getsockname()[1]}"

    yield start
    for server in made:
        server.shutdown()


@pytest.fixture
def through(weir, authority):
    """`through(route, authority of the server, …)` starts a proxy for that way to it, see `Route`."""

    def start(name: str, server: str, *arguments: str, addons=(), **options) -> Route:
        modes = [f"reverse:http{'s' * name.endswith('tls')}://{server}"] if name.startswith("reverse") else ["regular"]
        trust = ("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")
        return Route(name, weir(*trust, *arguments, addons=addons, modes=modes, **options), server)

    return start


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    """The authority that signs the origins' certificates."""
    return Authority(tmp_path_factory.mktemp("origin-authority"))


@pytest.fixture
def nginx(tmp_path):
    """`nginx(leaf)` starts nginx with that certificate, without TLS if there is none; see support/nginx.py."""
    made = []

    def make(leaf=None, extra: str = "", **options) -> Nginx:
        made.append(Nginx(tmp_path / f"nginx{len(made)}", leaf, extra, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def attach(weir, folder, *arguments, hooks=(), permissions=ALL, commands=(), limits=None, **options):
    """A proxy and a worker in the test's own process, attached to it and ready."""
    path = folder / "attached"
    proxy = weir("--addon-socket", str(path), *arguments, **options)
    result = {"permissions": list(permissions), "commands": list(commands), "limits": limits or {}}
    worker = Worker(folder / "caller.jsonl", list(hooks), threads=True, attach=path, result=result)
    ready = threading.Event()
    worker.on("initialized")(lambda message: ready.set())
    threading.Thread(target=worker.run, daemon=True).start()
    assert ready.wait(5), proxy.log
    return proxy, worker


@pytest.fixture
def caller(weir, tmp_path):
    """`caller(*arguments)` attaches a worker, see `attach`."""
    return lambda *arguments, **options: attach(weir, tmp_path, *arguments, **options)


@pytest.fixture(scope="module")
def module_caller(module_weir, tmp_path_factory):
    """As `caller`, for a table of cases that share one run."""
    return lambda *arguments, **options: attach(module_weir, tmp_path_factory.mktemp("caller"), *arguments, **options)
