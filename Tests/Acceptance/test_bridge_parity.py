"""One addon of mitmproxy's in mitmdump and in Weir: the same requests get the same answers, reach the server alike, and leave the same flows and lines of log.

mitmdump, Weir with the stand-in package and Weir with mitmproxy's own run once each with all addons of `mitmproxy_addons`; each of these minds the
paths that begin with its name.
"""

import json
import re
import sys

import pytest

from support.flow_files import as_json, states
from support.mitmdump import Mitmdump
from support.parity import Client, Server
from support.proxy import ROOT, free_port

ADDONS = ROOT / "Tests/Acceptance/mitmproxy_addons"
# In Weir a file is a process, each of which takes a part of a second to start: most share one, by a file that lists them as its addons.
ALONE = ("heads", "pieces", "orderer")
TOGETHER = ("forms", "routes", "pages", "tails", "links", "raws", "names", "settings", "orders", "twice", "waits", "whole", "files")
BACKENDS = ("stand-in", "real")
PROXIES = pytest.mark.parametrize("name", ("mitmdump", *BACKENDS))
AGAINST = pytest.mark.parametrize("backend", BACKENDS)
MULTIPART = ('--XX\r\nContent-Disposition: form-data; name="one"\r\n\r\n1\r\n--XX\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
             "Content-Type: text/plain\r\n\r\nfile\r\n--XX--\r\n").encode()
FORM, MULTIPART_FORM, TEXT = (f"Content-Type: {kind}" for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=XX", "text/plain"))
PAGES = ("html", "packed", "latin", "json", "decode", "raw", "else")
NAMES = ("here.test", "refused.test", "other.test", "changed.test", "passed.test")
HEADS = ("X-Set: old", "x-many: first", "X-Gone: 1", "X-Many: second", "X-Bytes: \xe9", "Cookie: a=1; b=2")
FILTERED = {"method": "POST", "body": b"body"}

# What a client does, and what it and the server see of it.
CASES = {
    "heads": lambda c: c.exchange("/heads", *HEADS),
    "forms urlencoded": lambda c: c.exchange("/forms/a%20b/c?x=1&tag=a&tag=b", FORM, method="POST", body=b"a=1&gone=2&b=x+y%26"),
    "forms multipart": lambda c: c.exchange("/forms/file", MULTIPART_FORM, method="POST", body=MULTIPART),
    "forms made": lambda c: c.exchange("/forms", TEXT, method="POST", body=b"no form"),
    "routes port": lambda c: c.exchange("/routes/elsewhere", f"X-Port: {c.server.other.port}"),
    "routes url": lambda c: c.exchange("/routes/url", f"X-Port: {c.server.other.port}"),
    "routes answered": lambda c: [c.exchange(f"/routes/{path}") for path in ("here", "bytes", "empty")],
    "routes killed": lambda c: c.refused("/routes/kill"),
    "routes commented": lambda c: c.exchange("/routes/comment"),
    "routes replaced": lambda c: c.exchange("/routes/replaced", method="POST", body=b"body"),
    "pages": lambda c: [c.exchange(f"/pages/{page}", 'If-None-Match: "1"') for page in PAGES],
    "pages head": lambda c: c.exchange("/pages/html", method="HEAD"),
    "pages request": lambda c: c.exchange("/pages/post", f"{TEXT}; charset=latin-1", method="POST", body="é Text".encode("latin-1")),
    "pieces as they are": lambda c: c.in_pieces("/pieces/as-it-is", b"one, "),
    "pieces function": lambda c: c.in_pieces("/pieces/response", b"ONE, "),
    "pieces list": lambda c: c.in_pieces("/pieces/list", b"one, "),
    "pieces closure": lambda c: c.in_pieces("/pieces/closure", b"one, "),
    "pieces up": lambda c: c.exchange("/pieces/request", TEXT, "Transfer-Encoding: chunked", method="POST", body=b"b\r\nup and away\r\n0\r\n\r\n"),
    "tails": lambda c: [c.http2(f"/tails/{path}") for path in ("there", "added", "none")],
    "links": lambda c: c.speak("/links", "ping", "drop", b"\x00\x01\xff", "ask me", b"ask bytes", "ping again"),
    "links closed": lambda c: c.speak("/links/closed", "ping", code=4001),
    "raws": lambda c: c.raw((b"red and red\n", 1), (b"inject\n", 2), (b"caf\xc3\xa9 \x01\n", 1)),
    "names": lambda c: [c.name(name) for name in NAMES],
    # Not the last one, with which the proxy ends: the copy is on its way for a moment longer than its line says.
    "twice": lambda c: c.replayed("/twice", "twice: request /twice/again 200"),
    "settings": lambda c: [c.exchange("/settings"), c.exchange("/settings/filter", "X-Header: a", **FILTERED), c.exchange("/settings/set"), c.exchange("/settings/f")],
    "orders": lambda c: [c.ask(f"/orders/{name}") for name in ("count", "words", "tag", "unknown")],
    "orders file": lambda c: [c.ask("/orders/write", f"X-File: {c.folder / 'orders'}"), (c.folder / "orders").read_text()],
    "waits": lambda c: [c.together("/waits/first", "/waits/second"), c.ask("/waits/thread")],
    "whole": lambda c: [c.exchange("/whole"), c.exchange("/whole/again"), c.exchange("/whole/fails")],
    "whole tls": lambda c: [c.secure("/whole/tls"), c.secure("/else")],
    "files": lambda c: c.ask("/files", f"X-File: {c.folder / 'flows'}"),
}

# Members of a flow's state that are not compared, and why.
NOT_COMPARED = {
    r"(^|[._])timestamp\w*$|messages\[\d+\]\[time\]$": "each run has its own times",
    r"(^|_conn\.)id$": "ids are made at random",
    r"_conn\.(peername|sockname)\[1\]$": "the system chooses the ports",
    r"client_conn\.proxy_mode$": "names a port",
    r"client_conn\.mitmcert$": "each proxy signs with an authority of its own",
    r"server_conn\.alpn_offers": "Weir offers servers of HTTP/2 to speak HTTP/1 as well, mitmproxy what its client chose",
    r"^backup": "what was there before a call of the core changed it; mitmproxy has no such calls, and remembers the copy that is replayed",
}
# What stands in the place of what matches, and why.
TOLD_ALIKE = {
    r'(?i)("sec-websocket-(?:key|accept)", )"[^"]*"': (r'\1"random"', "the client chooses the key"),
    r"/[^ \"]*/(?:mitmdump|stand-in|real)-files/": ("files/", "the folder of a run"),
}


def alike(value):
    text = json.dumps(value)
    for pattern, (place, _) in TOLD_ALIKE.items():
        text = re.sub(pattern, place, text)
    return json.loads(text)


def members(value, path: str = ""):
    """Each leaf of a state by its path, without what is not compared."""
    if any(re.search(pattern, path) for pattern in NOT_COMPARED):
        return
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from members(member, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for index, member in enumerate(value):
            yield from members(member, f"{path}[{'time' if isinstance(member, float) else index}]")
    else:
        yield path, value


class Observed:
    """What came of everything at one proxy."""

    def __init__(self, client: Client, file):
        self.results, self.failures = {}, {}
        for name, case in CASES.items():
            try:
                self.results[name] = alike(case(client))
            except Exception as failure:
                self.failures[name] = failure
        client.proxy.stop()
        self.log, self.flows = client.proxy.log, [as_json(state) for state in states(file)]

    def of(self, name: str):
        if name in self.failures:
            raise self.failures[name]
        return self.results[name]

    def said(self, name: str) -> list[str]:
        """What an addon has logged, in order: its lines begin with its name."""
        return re.findall(rf"\b{name}: .*", self.log)

    def kept(self) -> dict[str, list]:
        """The saved flows, as what is compared of each, by what they are about."""
        found = {}
        for state in self.flows:
            subject = state["request"]["path"] if state["type"] == "http" else state["type"]
            if state["type"] == "dns":
                subject = f"dns {state['request']['questions'][0]['name']}"
            found.setdefault(subject, []).append(dict(members(alike(state))))
        return found


def arguments(name: str) -> list[str]:
    """Of Weir: which Python and package its addons get."""
    python = ROOT / ".venv-mitmproxy/bin/python" if name == "real" else sys.executable
    return ["--set", f"addon_mitmproxy={name.replace('-', '')}", "--set", f"addon_python={python}"]


@pytest.fixture(scope="module")
def observed(module_weir, authority, tmp_path_factory):
    """Everything, once: three proxies, one after the other, in front of one server."""
    folder = tmp_path_factory.mktemp("parity")
    server, found = Server(authority), {}
    together = folder / "together.py"
    together.write_text(
        f"import importlib, sys\nfrom mitmproxy import ctx\nsys.path.insert(0, {str(ADDONS)!r})\naddons = [importlib.import_module(name) for name in {TOGETHER!r}]\n"
    )
    addons = [str(together), *(str(ADDONS / f"{name}.py") for name in ALONE)]
    for name in ("mitmdump", *BACKENDS):
        dns_port, file = free_port(), folder / f"{name}.mitm"
        modes = ["regular", f"reverse:dns://{server.names.authority}@127.0.0.1:{dns_port}"]
        common = ["-w", str(file), "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", "--set", "tcp_hosts=^localhost"]
        common += ["--set", "settings_text=given", "--set", "settings_on=true", "--set", "settings_list=a b", "--set", "settings_filter=~u settings/f"]
        if name == "mitmdump":
            proxy = Mitmdump.started(folder / name, *common, addons=addons, modes=modes)
        else:
            proxy = module_weir(*common, *arguments(name), addons=addons, modes=modes, wait=False)
        proxy.wait_ready([proxy.port], 30)
        found[name] = Observed(Client(proxy, server, dns_port, folder / f"{name}-files"), file)
    server.stop()
    return found


@pytest.fixture
def started(weir, tmp_path):
    """`started(name, addon, …)` is that proxy with one addon, not waited for."""

    def start(name: str, addon: str, *options: str):
        file = str(ADDONS / f"{addon}.py")
        if name == "mitmdump":
            return Mitmdump.started(tmp_path / name, *options, addons=[file])
        return weir(*options, *arguments(name), addons=[file], wait=False)

    return start


@pytest.mark.parametrize("case", CASES)
@AGAINST
def test_a_client_and_the_server_see_the_same(observed, backend, case):
    assert observed[backend].of(case) == observed["mitmdump"].of(case)


@AGAINST
def test_the_flows_are_the_same(observed, backend):
    kept, expected = observed[backend].kept(), observed["mitmdump"].kept()
    assert sorted(kept) == sorted(expected)
    for subject, flows in expected.items():
        assert kept[subject] == flows, subject


@pytest.mark.parametrize("addon", ["routes", "links", "raws", "settings", "orders", "twice", "whole", "files", "printed"])
@AGAINST
def test_the_addons_log_the_same(observed, backend, addon):
    expected, said = observed["mitmdump"].said(addon), observed[backend].said(addon)
    if addon == "twice":
        # The second request is on its way beside the first: either may be answered first.
        expected, said = sorted(expected), sorted(said)
    assert expected and said == expected


@PROXIES
def test_a_value_that_an_addon_refuses_ends_the_start(started, name):
    proxy = started(name, "settings", "--set", "settings_most=11")
    proxy.stopped = True
    assert proxy.process.wait(20) == 1
    assert "settings_most must not be above 10" in proxy.log


@PROXIES
def test_an_addon_ends_the_proxy(started, name, origin):
    proxy = started(name, "finish")
    proxy.wait_ready([proxy.port], 20)
    proxy.stopped = True
    with proxy.connect() as wire:
        wire.send(f"GET {origin().url('/finish')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert proxy.process.wait(10) in (Mitmdump.ENDS if name == "mitmdump" else [0])
    assert "finish: done" in proxy.log
