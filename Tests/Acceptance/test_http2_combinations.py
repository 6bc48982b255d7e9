"""HTTP/1 and HTTP/2 in every combination: curl on one side, nginx and nghttpd on the other, through CONNECT and reverse mode.

Bodies go both ways and come back by their hashes; curl says which version it was answered in, and the flow says both.
"""

import hashlib
import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.nghttp2 import Nghttpd, Nghttpx
from support.nginx import Nginx
from support.origin import Origin, answering

SIZES = (0, 1, 64 << 10, 10 << 20)
ECHO = """
location /files/ {{ root {folder}; default_type application/octet-stream; }}
location /echo {{ proxy_pass http://{echo}; proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off; client_max_body_size 0; }}
"""
H1, H2 = "HTTP/1.1", "HTTP/2.0"


@dataclass
class Server:
    scheme: str
    port: int
    version: str

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Files of every size, of octets that do not repeat."""
    made = tmp_path_factory.mktemp("bodies")
    (made / "files").mkdir()
    for size in SIZES:
        (made / "files" / str(size)).write_bytes(random.Random(size).randbytes(size))
    return made


@pytest.fixture(scope="module")
def servers(folder, authority, tmp_path_factory):
    """Every kind of server, by name; each serves /files/SIZE, and sends back what is posted to /echo."""
    runs = tmp_path_factory.mktemp("servers")
    echo = Origin(answering(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body) + request.body))
    leaf, extra = authority.leaf("127.0.0.1"), ECHO.format(folder=folder, echo=echo.authority)
    programs = {
        "tls-h1": Nginx(runs / "tls-h1", leaf, extra),
        "tls-h2": Nginx(runs / "tls-h2", leaf, extra, http2=True),
        "plain-h1": Nginx(runs / "plain-h1", None, extra),
        "h2c": Nginx(runs / "h2c", None, extra, http2=True),
        "nghttpd-h2c": Nghttpd(runs / "nghttpd-h2c", folder),
        "nghttpd-tls": Nghttpd(runs / "nghttpd-tls", folder, leaf),
    }
    yield {name: Server(one.scheme, one.port, H1 if name.endswith("h1") else H2) for name, one in programs.items()}
    for one in [*programs.values(), echo]:
        one.stop()


@dataclass
class Client:
    """How curl speaks: the scheme of its URL, its flags, and the version in which it must be answered."""

    scheme: str
    flags: tuple[str, ...]
    version: str


CLIENTS = {
    "tls --http1.1": Client("https", ("--http1.1",), H1),
    "tls --http2": Client("https", ("--http2",), H2),
    "tls --http2-prior-knowledge": Client("https", ("--http2-prior-knowledge",), H2),
    "--http1.1": Client("http", ("--http1.1",), H1),
    "--http2": Client("http", ("--http2",), H2),  # Upgrade: h2c
    "--http2-prior-knowledge": Client("http", ("--http2-prior-knowledge",), H2),
}


def run(client: Client, ca: Path, transfers: list[list[str]], *arguments: str, seconds: int = 40) -> list[tuple[str, str]]:
    """The status and version of each transfer, all with one curl and on its kept connections where it can do that."""
    # curl 7.88 fails on a kept connection that it began with prior knowledge in cleartext.
    keeps = client.flags != ("--http2-prior-knowledge",) or client.scheme == "https"
    common = ["-sS", *client.flags, "-w", "%{stderr}told %{http_code} %{http_version}\n", "--cacert", str(ca), "--max-time", str(seconds), *arguments]
    told = []
    for several in [transfers] if keeps else [[one] for one in transfers]:
        command = ["curl"]
        for one in several:
            command += ["--next"] * (one is not several[0]) + common + one
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 5)
        assert done.returncode == 0, done.stderr
        told += re.findall(r"told (\d+) (\S+)", done.stderr)
    return told


def exchange(base: str, client: Client, ca: Path, folder: Path, out: Path, *arguments: str, version: str = "") -> None:
    """Every size down and up with curl, `arguments` on its command line; nothing is answered but in that version, the client's unless said."""
    out.mkdir()
    down = [[f"{base}/files/{size}", "-o", str(out / f"down{size}")] for size in SIZES]
    posted = ["-H", "Content-Type: application/octet-stream", "-H", "Expect:", "--data-binary"]
    up = [[*posted, f"@{folder}/files/{size}", "-o", str(out / f"up{size}"), f"{base}/echo"] for size in SIZES]
    short = {H1: "1.1", H2: "2"}[version or client.version]
    assert run(client, ca, down + up, *arguments) == [("200", short)] * 2 * len(SIZES)
    for size in SIZES:
        wanted = hashlib.sha256((folder / "files" / str(size)).read_bytes()).hexdigest()
        for way in ("down", "up"):
            assert hashlib.sha256((out / f"{way}{size}").read_bytes()).hexdigest() == wanted, f"{size} bytes {way}"


DIRECT = [
    *(("tls-h1", "tls --http1.1"), ("plain-h1", "--http1.1")),
    *((server, client) for server in ("tls-h2", "nghttpd-tls") for client in ("tls --http2", "tls --http2-prior-knowledge")),
    *((server, "--http2-prior-knowledge") for server in ("h2c", "nghttpd-h2c")),
]


@pytest.mark.parametrize("server, client", DIRECT)
def test_the_servers_and_curl_agree_without_a_proxy(servers, folder, authority, tmp_path, server, client):
    one = servers[server]
    exchange(f"{one.scheme}://{one.authority}", CLIENTS[client], authority.certificate, folder, tmp_path / "out")


def test_curl_is_upgraded_by_nghttpx(servers, folder, authority, tmp_path):
    """nghttpx takes the Upgrade that nginx and nghttpd know nothing of."""
    proxy = Nghttpx(tmp_path / "nghttpx", servers["plain-h1"].port)
    try:
        exchange(f"http://{proxy.authority}", CLIENTS["--http2"], authority.certificate, folder, tmp_path / "out")
    finally:
        proxy.stop()


def spoken(server: Server, client: Client, strategy: str) -> tuple[str, str]:
    """The versions of responses on both sides. With TLS on both the proxy offers the server what the client offered,
    and the eager one, which connects to the server first, offers the client what the server chose."""
    if server.scheme == client.scheme == "https":
        at_server = min(server.version, client.version)
        return at_server if strategy == "eager" else client.version, at_server
    return client.version, server.version


def seen(worker, client: Client) -> set[tuple[str, str]]:
    """The versions of both sides that flows say; the request that asks for an upgrade comes in HTTP/1.1 itself."""
    flows = [message["params"]["flow"] for message in worker.wait("response", 2 * len(SIZES))]
    told = [(flow["request"]["http_version"], flow["response"]["http_version"]) for flow in flows]
    if client is CLIENTS["--http2"]:
        assert [request for request, _ in told].count(H1) == 1
        told = [(H2, response) for _, response in told]
    return set(told)


REVERSE = {"tls-h1": "https", "tls-h2": "https", "nghttpd-tls": "https", "plain-h1": "http", "h2c": "h2c", "nghttpd-h2c": "h2c"}


def possible(server: str, client: str) -> bool:
    """All but one: nghttpd speaks no HTTP/1, which is all that the client offers."""
    return (server, client) != ("nghttpd-tls", "tls --http1.1")


@pytest.mark.seconds(90)
@pytest.mark.parametrize("server, client", [(server, client) for server in REVERSE for client in CLIENTS if possible(server, client)])
@pytest.mark.parametrize("strategy", ["eager", "lazy"])
def test_reverse_mode_translates_every_client_to_every_server(weir, servers, folder, authority, addon, tmp_path, strategy, server, client):
    one, speaks, worker = servers[server], CLIENTS[client], addon(["response"])
    options = ("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", "--set", f"connection_strategy={strategy}")
    proxy = weir(*options, modes=[f"reverse:{REVERSE[server]}://{one.authority}"], addons=[worker])
    both = spoken(one, speaks, strategy)
    exchange(f"{speaks.scheme}://127.0.0.1:{proxy.port}", speaks, proxy.ca, folder, tmp_path / "out", version=both[0])
    assert seen(worker, speaks) == {both}


# In a tunnel without TLS nobody says what the server speaks: the client's HTTP/2 is tried, its HTTP/1 stays what it is.
TUNNELLED = [
    *((server, client) for server in ("tls-h1", "tls-h2", "nghttpd-tls") for client in CLIENTS if client.startswith("tls") and possible(server, client)),
    *(("plain-h1", client) for client in CLIENTS if not client.startswith("tls")),
    *((server, "--http2-prior-knowledge") for server in ("h2c", "nghttpd-h2c")),
]


@pytest.mark.seconds(90)
@pytest.mark.parametrize("server, client", TUNNELLED)
@pytest.mark.parametrize("strategy", ["eager", "lazy"])
def test_a_tunnel_is_read_in_every_version(weir, servers, folder, authority, addon, tmp_path, strategy, server, client):
    one, speaks, worker = servers[server], CLIENTS[client], addon([{"name": "response", "filter": "!~m CONNECT"}])
    options = ("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", "--set", f"connection_strategy={strategy}")
    proxy, both = weir(*options, addons=[worker]), spoken(one, speaks, strategy)
    exchange(f"{one.scheme}://{one.authority}", speaks, proxy.ca, folder, tmp_path / "out", "-p", "-x", proxy.url, version=both[0])
    assert seen(worker, speaks) == {both}
