"""Addons of mitmproxy: how they are known, loaded, refused, ended and loaded anew."""

import re

import pytest

from support.bridge import BOTH
from support.origin import OK, answering
from support.proxy import run_to_end

FORMS = {
    "functions": "def request(flow):\n    flow.request.headers['x-form'] = '1'\n",
    "list": "class A:\n    def request(self, flow):\n        flow.request.headers['x-form'] = '1'\n\naddons = [A()]\n",
    "import": "import mitmproxy.http\nclass A:\n    def request(self, flow):\n        flow.request.headers['x-form'] = '1'\na = [A()]\naddons=a",
    "asynchronous": "async def request(flow):\n    flow.request.headers['x-form'] = '1'\n",
}


def test_every_form_of_addon_is_known_by_its_text_at_the_default_level(bridge, weir, origin):
    server = origin()
    files = [str(bridge.write(text, f"{name}.py")) for name, text in FORMS.items()]
    odd = bridge.write("hooks = 1\nrequest = lambda flow: flow.request.headers.add('x-form', 'odd')\n", "odd.py")
    proxy = weir(*bridge.options, addons=[*files, f"mitmproxy:{odd}"], level=None)
    assert proxy.get(server.url("/")).status == 200
    assert server.received[0].all("x-form") == [b"1", b"odd"]
    assert not list(bridge.folder.rglob("__pycache__"))


APART = {
    "from mitmproxy.proxy import layer, layers\ndef next_layer(data): ...": r"line 1: mitmproxy\.proxy\.layers: the proxy's layers",
    "from mitmproxy import contentviews\nclass V(contentviews.View): ...\ncontentviews.add(V())": "contentviews",
    "import mitmproxy.certs\nmitmproxy.certs.dummy_cert = None\ndef request(flow): ...": r"line 2: mitmproxy\.certs\.dummy_cert: it is assigned to",
    "def server_connect(data):\n    data.server.via = ('http', ('a', 1))": r"line 2: server\.via: the upstream proxy is chosen by a flow's",
    "import nowhere_to_be_found\ndef request(flow): ...": r"No module named 'nowhere_to_be_found' \(of .*addon_python\)",
    "def request(flow)\n": "SyntaxError",
    "def load(loader):\n    raise ValueError('not today')": "ValueError: not today",
}


@pytest.mark.parametrize("text", APART, ids=range(len(APART)))
def test_what_cannot_cross_or_load_is_named_at_the_start(bridge, text):
    done = run_to_end(*bridge.options, "--addon", str(bridge.write(text)))
    assert done.returncode == 1 and re.search(APART[text], done.stderr), done.stderr


SHADOWED = """
    from mitmproxy import flow, http, tcp, tls

    def response(flow: http.HTTPFlow):
        flow.response = http.Response.make(200, "shadowed")

    def tls_clienthello(tls):
        tls.ignore_connection = True

    def tcp_message(tcp):
        tcp.mine = 1
"""


def test_a_name_that_stands_for_something_else_than_its_import_may_be_changed(bridge, origin):
    proxy = bridge(SHADOWED)
    assert proxy.get(origin().url("/")).body == b"shadowed"


@BOTH
def test_web_applications_answer_for_their_host(bridge, package):
    proxy = bridge("""
        from mitmproxy.addons import asgiapp

        def app(environ, start_response):
            body = environ["wsgi.input"].read()
            start_response("201 Created", [("X-App", environ["PATH_INFO"])])
            return [b"got ", body]

        addons = [asgiapp.WSGIApp(app, "app.example", 80)]
        """)
    answer = proxy.get("http://app.example/a/b", method="POST", body=b"this")
    assert (answer.status, answer.body, answer.one("x-app")) == (201, b"got this", b"/a/b")


def test_one_that_sleeps_or_dies_stops_itself_alone(bridge, origin):
    server = origin()
    other = bridge.write("def response(flow):\n    flow.response.headers['x-other'] = '1'\n", "other.py")
    proxy = bridge("""
        import os, threading

        def request(flow):
            if flow.request.path == "/sleep":
                threading.Event().wait(60)
            if flow.request.path == "/die":
                os._exit(3)
        """, "--set", "addon_timeout=0.5", addons=[str(other)])
    for path in ("/die", "/sleep"):
        answer = proxy.get(server.url(path))
        assert (answer.status, answer.one("x-other")) == (200, b"1")


def test_shutdown_stops_the_proxy_in_order_where_it_is_granted(bridge, origin):
    text = """
        import logging
        from mitmproxy import ctx

        def response(flow):
            ctx.master.shutdown()

        def done():
            logging.info("done was called")
        """
    proxy = bridge(text)
    assert proxy.get(origin().url("/")).status == 200
    assert proxy.process.wait(10) == 0 and "done was called" in proxy.log
    proxy.told = True
    proxy = bridge(text, level="confined")
    assert proxy.get(origin().url("/")).status == 200
    proxy.wait_log("ctx.master.shutdown\\(\\) was refused: .*addon_permissions")


def test_several_processes_share_the_flows(bridge, origin):
    server = origin()
    proxy = bridge("import os\n\ndef response(flow):\n    flow.response.headers['x-pid'] = str(os.getpid())\n", "--addon-workers", "2")
    assert len({proxy.get(server.url("/")).one("x-pid") for _ in range(6)}) == 2


def test_what_is_no_python_with_mitmproxy_is_named(bridge, tmp_path):
    file = str(bridge.write(FORMS["functions"]))
    done = run_to_end("--set", "addon_python=/nowhere/python", "--addon", file)
    assert (done.returncode, "the program of addon_python, '/nowhere/python', was not found" in done.stderr) == (1, True), done.stderr
    done = run_to_end("--set", "addon_mitmproxy=real", "--set", "addon_python=/usr/bin/python3", "--addon", file)
    assert done.returncode == 1 and "has no package mitmproxy" in done.stderr, done.stderr


def test_a_change_of_the_file_or_of_what_it_imports_is_followed_without_a_lost_flow(bridge, origin):
    server = origin(answering(OK))
    gate = bridge.folder / "gate"
    bridge.write("WORD = 'one'\n", "words.py")
    proxy = bridge(f"""
        import asyncio, os
        import words

        async def request(flow):
            flow.word = words.WORD
            while flow.request.path == "/slow" and not os.path.exists({str(gate)!r}):
                await asyncio.sleep(0.02)

        def response(flow):
            flow.response.headers["x-word"] = flow.word + words.WORD
        """)
    with proxy.connect() as slow, proxy.connect() as other:
        slow.send(f"GET {server.url('/slow')} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        other.send(f"GET {server.url('/first')} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        assert other.response().one("x-word") == b"oneone"
        bridge.write("WORD = 'two'  # another\n", "words.py")
        proxy.wait_log("is loaded anew", 8)
        assert proxy.get(server.url("/")).one("x-word") == b"twotwo"
        # What has begun ends where it began, with what was kept of it there.
        gate.touch()
        assert slow.response().one("x-word") == b"oneone"
