"""A browser that trusts the proxy's authority: one page, 50 parts of it and a WebSocket, over HTTP/2 on both sides."""

import json
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from websockets.sync.server import serve

from support.proxy import eventually

PARTS = 50
KINDS = {
    "script": "text/javascript", "style": "text/css", "image": "image/svg+xml", "fetched": "application/json",
}
PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><link rel="icon" href="data:,"></head><body><script>
const kinds = %(kinds)s;
const element = (name, members) => Object.assign(document.createElement(name), members);
const load = (kind, path) => new Promise((loaded, failed) => {
    if (kind == "fetched") return fetch(path).then(answer => answer.json()).then(value => value.path == path ? loaded() : failed(path));
    const made = kind == "script" ? element("script", {src: path})
        : kind == "style" ? element("link", {rel: "stylesheet", href: path}) : element("img", {src: path});
    made.onload = loaded;
    made.onerror = () => failed(path);
    document.body.append(made);
});
const socket = () => new Promise((done, failed) => {
    const socket = new WebSocket(`wss://${location.host}/socket`), echoes = [];
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { socket.send("grüße"); socket.send(new Uint8Array([0, 255, 7])); };
    socket.onmessage = ({data}) => {
        echoes.push(typeof data == "string" ? data : Array.from(new Uint8Array(data)));
        if (echoes.length == 2) socket.close(1000);
    };
    socket.onclose = ({code, wasClean}) => done({echoes, code, wasClean});
    socket.onerror = () => failed("the socket failed");
});
(async () => {
    let result;
    try {
        await Promise.all([...Array(%(parts)d).keys()].map(n => load(kinds[n %% kinds.length], `/${kinds[n %% kinds.length]}/${n}`)));
        const protocols = performance.getEntriesByType("resource").map(entry => entry.nextHopProtocol);
        const page = performance.getEntriesByType("navigation")[0].nextHopProtocol;
        result = {page, protocols, socket: await socket()};
    } catch (problem) { result = {problem: String(problem)}; }
    await fetch("/result", {method: "POST", body: JSON.stringify(result)});
})();
</script></body></html>
"""
PARTS_OF = {
    "script": "window.loaded = (window.loaded || 0) + 1;",
    "style": "body { color: #123456; }",
    "image": "<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>",
    "fetched": '{"path": "$uri"}',
}
LOCATIONS = """
location = / {{ root {folder}; try_files /page.html =404; default_type text/html; }}
location = /result {{ client_body_in_file_only on; client_max_body_size 1m; proxy_pass http://{back}; }}
location = /socket {{ proxy_pass http://{socket}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }}
""" + "\n".join(
    f"location /{kind}/ {{{{ default_type {KINDS[kind]}; return 200 {json.dumps(text).replace('{', '{{').replace('}', '}}')}; }}}}" for kind, text in PARTS_OF.items()
)


@pytest.fixture
def echo_socket():
    """A server of Python's websockets package that sends back what it gets; its authority."""

    def echo(connection):
        for message in connection:
            connection.send(message)

    with serve(echo, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "127.0.0.1:%d" % server.socket.getsockname()[1]
        server.shutdown()


@pytest.fixture
def site(nginx, origin, echo_socket, authority, tmp_path):
    """nginx over TLS and HTTP/2 with the page; what the page says at its end is in `back.received`."""
    (tmp_path / "page.html").write_text(PAGE % {"kinds": json.dumps(list(PARTS_OF)), "parts": PARTS})
    back = origin()
    made = nginx(authority.leaf("127.0.0.1"), LOCATIONS.format(folder=tmp_path, back=back.authority, socket=echo_socket), http2=True)
    made.back = back
    return made


class Chromium:
    """Runs in a home of its own until it is stopped, with the authorities of that home's NSS database."""

    def __init__(self, home: Path, url: str, ca: Path, *arguments: str):
        database = home / ".pki/nssdb"
        database.mkdir(parents=True)
        for command in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "proxy", "-i", ca]):
            subprocess.run(["certutil", "-d", f"sql:{database}", *command], check=True, timeout=20)
        binary = shutil.which("chromium")
        assert binary, "chromium is not installed"
        self.output = home / "output"
        options = [
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
            f"--user-data-dir={home}/profile",
        ]
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [binary, *options, *arguments, url],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"PATH": os.environ["PATH"], "HOME": str(home)},
                start_new_session=True,
            )

    def stop(self) -> None:
        """It and the processes that it started, which are a session of their own."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def chromium(tmp_path):
    made = []

    def start(*arguments) -> Chromium:
        made.append(Chromium(tmp_path / f"home{len(made)}", *arguments))
        return made[-1]

    yield start
    for one in made:
        one.stop()


def told(site, browser) -> dict:
    """What the page says of itself."""

    def said() -> bool:
        assert browser.process.poll() is None, browser.output.read_text(errors="replace")
        return bool(site.back.received)

    eventually(said, 60, f"the page's result, see {browser.output},")
    return json.loads(site.back.received[0].body)


def check(result: dict) -> None:
    assert "problem" not in result, result
    assert result["socket"] == {"echoes": ["grüße", [0, 255, 7]], "code": 1000, "wasClean": True}
    assert result["page"] == "h2"
    assert result["protocols"] == ["h2"] * PARTS


@pytest.mark.seconds(90)
def test_the_page_loads_without_a_proxy(site, authority, chromium):
    browser = chromium(site.url("/"), authority.certificate, "--no-proxy-server")
    check(told(site, browser))


@pytest.mark.seconds(90)
def test_the_page_loads_through_the_proxy(site, authority, chromium, weir, addon):
    worker = addon([{"name": "response", "filter": "!~m CONNECT"}])
    proxy = weir("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", addons=[worker])
    browser = chromium(site.url("/"), proxy.ca, f"--proxy-server={proxy.url}", "--proxy-bypass-list=<-loopback>")
    check(told(site, browser))
    flows = [message["params"]["flow"] for message in worker.messages("response")]
    versions = {flow["request"]["path"]: (flow["request"]["http_version"], flow["response"]["http_version"]) for flow in flows}
    parts = [f"/{kind}/{n}" for n in range(PARTS) for kind in [list(PARTS_OF)[n % len(PARTS_OF)]]]
    assert {path: versions.get(path) for path in ["/", *parts]} == dict.fromkeys(["/", *parts], ("HTTP/2.0", "HTTP/2.0"))
    assert len({flow["client_conn"]["id"] for flow in flows if flow["request"]["path"] in parts}) == 1, "one connection carries them all"
    assert "/socket" in versions
    served = [line for line in site.served() if line.endswith("HTTP/2.0")]
    assert sum(f"GET {path} " in line for path in parts for line in served) == PARTS
