"""Unmodified addons of mitmproxy: what their hooks see and change of HTTP, their options."""

import pytest

from support.bridge import BOTH
from support.origin import OK, answering
from support.proxy import eventually, run_to_end


@BOTH
def test_hooks_see_and_change_what_passes(bridge, origin, package):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nhello"))
    proxy = bridge("""
        import logging
        from mitmproxy import http

        def requestheaders(flow):
            flow.request.headers["x-head"] = "1"

        def request(flow: http.HTTPFlow) -> None:
            flow.seen = [flow.request.method, flow.request.text]
            flow.request.mine = {1: object()}
            flow.metadata["object"] = object()
            flow.metadata["number"] = 7
            flow.request.query["q"] = "ü"
            if flow.request.path.startswith("/own"):
                flow.response = http.Response.make(418, b"teapot", {"X-Own": "1"})
            if flow.request.path.startswith("/bytes"):
                flow.request.headers[b"x-raw"] = b"\\xff"
                flow.request.content = b"\\xff\\x00"
            if flow.request.path.startswith("/kill"):
                flow.kill()

        def response(flow):
            assert 1 in flow.request.mine and "object" in flow.metadata
            logging.info("saw %s %s %d", *flow.seen, flow.metadata["number"])
            if flow.response.content == b"hello":
                flow.response.text = "hello back"
            flow.response.headers["x-count"] = str(len(flow.response.headers.get_all("set-cookie")))
        """)
    answer = proxy.get(server.url("/a"), method="POST", body=b"body")
    assert (answer.status, answer.body, answer.one("x-count"), answer.all("set-cookie")) == (200, b"hello back", b"2", [b"a=1", b"b=2"])
    assert (server.received[0].target, server.received[0].one("x-head"), server.received[0].body) == (b"/a?q=%C3%BC", b"1", b"body")
    proxy.wait_log(r"saw POST body 7")
    answer = proxy.get(server.url("/own"))
    assert (answer.status, answer.body, answer.one("x-own"), len(server.received)) == (418, b"teapot", b"1", 1)
    assert proxy.get(server.url("/bytes"), method="POST", body=b"x").status == 200
    assert (server.received[1].one("x-raw"), server.received[1].body) == (b"\xff", b"\xff\x00")
    done = proxy.curl(server.url("/kill"))
    assert (done.returncode, len(server.received)) == (52, 2), done


# In a cage a worker may be handed memory files, but make none: its own bodies go in the line.
@pytest.mark.parametrize("level", ["trusted", "confined"])
def test_large_bodies_go_beside_the_line(bridge, origin, level):
    body = bytes(range(256)) * 8192
    server = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body))
    proxy = bridge("""
        def request(flow):
            flow.request.content = flow.request.content[::-1]

        def response(flow):
            flow.response.content = flow.response.content[::-1]
        """, "--set", "addon_permissions=all", level=level)
    answer = proxy.get(server.url("/"), method="POST", body=body)
    assert answer.body == body[::-1] and server.received[0].body == body[::-1]


@BOTH
def test_an_exception_is_logged_with_its_place_and_the_flow_goes_on(bridge, origin, package):
    server = origin()
    proxy = bridge("""
        class First:
            def request(self, flow):
                flow.request.headers["x-first"] = "1"
                raise ValueError("no luck")

        class Second:
            def response(self, flow):
                flow.response.headers["x-second"] = "1"

        addons = [First(), Second()]
        """)
    answer = proxy.get(server.url("/"))
    assert (answer.status, answer.one("x-second"), server.received[0].one("x-first")) == (200, b"1", b"1")
    proxy.wait_log(r"Addon error: no luck")
    proxy.wait_log(r'addon\.py", line 5, in request')


def test_nested_addons_are_called_in_their_order_and_done_at_the_end(bridge, origin):
    server = origin()
    proxy = bridge("""
        import logging

        class Inner:
            def request(self, flow):
                flow.order.append("inner")

            def done(self):
                logging.info("inner is done")

        class Outer:
            def __init__(self):
                self.addons = [Inner()]

            def request(self, flow):
                flow.order.append("outer")

        class Last:
            async def request(self, flow):
                flow.order.append("last")
                flow.request.headers["x-order"] = ",".join(flow.order)

        def request(flow):
            flow.order = ["module"]

        def running():
            logging.info("it runs")

        addons = [Outer(), Last()]
        """)
    assert proxy.get(server.url("/")).status == 200
    assert server.received[0].one("x-order") == b"module,outer,inner,last"
    proxy.wait_log("it runs")
    proxy.stop()
    assert "inner is done" in proxy.log


@BOTH
def test_asynchronous_and_concurrent_hooks_do_not_hold_up_others(bridge, origin, package):
    server = origin()
    proxy = bridge(
        """
        import asyncio, threading, time
        from mitmproxy.script import concurrent

        gate, door = asyncio.Event(), threading.Event()

        class Waits:
            async def request(self, flow):
                if flow.request.path == "/wait":
                    await gate.wait()
                    # Longer than an event may take by itself.
                    await asyncio.sleep(1.2)
                    flow.request.headers["x-waited"] = "1"
                elif flow.request.path == "/open":
                    gate.set()

        class Thread:
            @concurrent
            def response(self, flow):
                if flow.request.path == "/thread":
                    door.wait(20)
                    flow.response.headers["x-thread"] = str(threading.current_thread() is not threading.main_thread())
                elif flow.request.path == "/door":
                    door.set()

        addons = [Waits(), Thread()]
        """,
        "--set", "addon_timeout=1",
    )
    waiting, threaded = (proxy.connect() for _ in range(2))
    for wire, path in ((waiting, "/wait"), (threaded, "/thread")):
        wire.send(f"GET {server.url(path)} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
    eventually(lambda: [one.target for one in server.received] == [b"/thread"])
    assert proxy.get(server.url("/other")).status == 200
    assert proxy.get(server.url("/open")).status == 200
    assert waiting.response().status == 200
    assert [one.one("x-waited") for one in server.received if one.target == b"/wait"] == [b"1"]
    assert proxy.get(server.url("/door")).status == 200
    assert threaded.response().one("x-thread") == b"True"
    for wire in (waiting, threaded):
        wire.close()


OPTIONS = """
    import typing
    from collections.abc import Sequence
    from mitmproxy import ctx, exceptions

    class Headers:
        def load(self, loader):
            loader.add_option("level", typing.Optional[int], None, "A level.")
            loader.add_option("word", str, "none", "A word.", choices=["none", "some"])
            loader.add_option(name="names", typespec=Sequence[str], default=[], help="Names.")
            loader.add_option("share", float, 0.5, "A share.")

        def configure(self, updated):
            if "level" in updated and ctx.options.level is not None and ctx.options.level > 100:
                raise exceptions.OptionsError("level must be <= 100")

        def request(self, flow):
            if flow.request.path == "/set":
                ctx.options.word = "some"
            if flow.request.path == "/high":
                try:
                    ctx.options.update(level=101)
                except exceptions.OptionsError as error:
                    flow.request.headers["x-error"] = str(error)

        def response(self, flow):
            o = ctx.options
            flow.response.headers["x-options"] = f"{o.level} {o.word} {list(o.names)} {o.share} {o.keep_host_header}"

    addons = [Headers()]
"""


@BOTH
def test_options_are_declared_set_refused_and_followed(bridge, origin, package):
    server = origin()
    proxy = bridge(OPTIONS, "--set", "level=7", "--set", "names=a", "--set", "names=b", "--set", "keep_host_header=true")
    assert proxy.get(server.url("/")).one("x-options") == b"7 none ['a', 'b'] 0.5 True"
    assert proxy.get(server.url("/set")).one("x-options") == b"7 some ['a', 'b'] 0.5 True"
    assert proxy.get(server.url("/high")).one("x-options") == b"7 some ['a', 'b'] 0.5 True"
    assert server.received[-1].one("x-error") == b"level must be <= 100"


def test_an_option_that_the_addon_refuses_ends_the_start(bridge):
    done = run_to_end(*bridge.options, "--addon", str(bridge.write(OPTIONS)), "--set", "level=101")
    assert (done.returncode, "level must be <= 100" in done.stderr) == (1, True), done.stderr
    listed = run_to_end(*bridge.options, "--addon", str(bridge.write(OPTIONS)), "--options")
    assert 'word: "none"' in listed.stdout and "A level." in listed.stdout, listed.stdout
