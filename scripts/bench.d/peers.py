"""The programs that are measured side by side, and what each cannot do."""
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cells import Cell
from stage import Stage

HERE = Path(__file__).resolve().parent
HEADER_HOOKS = ("requestheaders", "responseheaders")


@dataclass(frozen=True)
class Peer:
    start: Callable[[Stage], None] | None  # without it the load goes to the origin
    can: Callable[[Cell], bool] = lambda cell: True
    leaves_trace: bool = True  # its addon changes what the client gets


def weir(stage, *more, shares_servers=True):
    """`more` takes the place of the cell's addon. Where clients come and go, their connections to the origin serve the next ones if `shares_servers`,
    as the other proxies have it unasked.
    """
    cell, tools = stage.cell, stage.tools
    mode = "regular" if cell.is_forward else f"reverse:{'https' if cell.is_tls else 'http'}://127.0.0.1:{stage.origin}"
    command = [tools["weir"], "-q", "--mode", mode, "--listen-host", "127.0.0.1", "-p", stage.port, "--set", f"confdir={stage.directory / 'conf'}"]
    if cell.is_tls:
        command += ["--set", "ssl_insecure=true"]
        if not cell.is_forward:
            command += ["--set", f"certs=*={stage.directory / 'leaf.pem'}"]
    if cell.closes and shares_servers:
        command += ["--set", "server_reuse=all"]
    if cell.addon and not more:
        worker = " ".join([str(tools["worker"]), *HEADER_HOOKS]) if cell.addon == "headers" else tools["body_worker"]
        # The other proxies' agents have a user's rights, too. A confined worker cannot make the memory files that bodies travel in.
        more = ["--addon", f"exec:{worker}", "--set", "addon_level=trusted", "--set", "addon_permissions=all"]
    stage.start("proxy", *command, *more, ready=stage.port, starts_addons=True)


def haproxy(stage):
    if stage.cell.addon:
        stage.start("addon", stage.tools["spoa"], stage.socket, ready=stage.socket)
        stage.config("spoe.cfg")
    stage.start("proxy", "haproxy", "-db", "-f", stage.config("haproxy.cfg"), ready=stage.port)


def envoy(stage):
    if stage.cell.addon:
        stage.start("addon", stage.tools["extproc"], stage.socket, ready=stage.socket)
    options = ("--concurrency", 1, "--disable-hot-restart", "--log-level", "error")
    stage.start("proxy", stage.tools["envoy"], "-c", stage.config("envoy.yaml"), *options, ready=stage.port)


def squid(stage):
    if stage.cell.addon:
        stage.start("addon", "c-icap", "-N", "-f", stage.config("c-icap.conf"), ready=stage.agent)
    stage.start("proxy", "squid", "-N", "-f", stage.config("squid.conf"), ready=stage.port)


def mitmproxy(stage, *more):
    cell = stage.cell
    mode = "regular" if cell.is_forward else f"reverse:{'https' if cell.is_tls else 'http'}://127.0.0.1:{stage.origin}"
    command = [stage.tools["mitmproxy"], "-q", "--mode", mode, "--listen-host", "127.0.0.1", "-p", stage.port, "--ssl-insecure",
               "--set", f"confdir={stage.directory / 'conf'}"]
    if cell.is_tls and not cell.is_forward:
        command += ["--certs", f"*={stage.directory / 'leaf.pem'}"]
    if cell.path == "/10m":
        command += ["--set", "stream_large_bodies=1m"]
    if cell.addon and not more:
        more = ["-s", HERE / f"peers/mitmproxy_{cell.addon}.py"]
    stage.start("proxy", *command, *more, ready=stage.port)


PEERS = {
    "direct": Peer(None, leaves_trace=False),
    "weir": Peer(weir),
    "haproxy": Peer(haproxy, lambda cell: cell.addon != "body" and not cell.is_forward),
    "envoy": Peer(envoy, lambda cell: not cell.is_forward),
    # It speaks no HTTP/2, and cannot look into a tunnel without a CA of its own.
    "squid": Peer(squid, lambda cell: cell.load == "wrk", leaves_trace=False),
    "mitmproxy": Peer(mitmproxy),
}
