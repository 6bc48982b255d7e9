"""Commands, calls and flows beyond one event, as addons of mitmproxy use them."""

import contextlib

import pytest
from websockets.exceptions import ConnectionClosed

from support.bridge import BOTH
from support.calls import Getting, asked, refused
from support.names import NameServer, ask
from support.names import answering as named
from support.origin import OK, answering, echo, over_tls
from support.proxy import eventually, free_port
from support.tunnel import tls_through, trusting
from support.websocket import Route
from support.wire import Closed


@BOTH
def test_commands_are_offered_with_typed_arguments_and_flows_by_expression(bridge, caller, origin, package):
    server = origin()
    file = bridge.write("""
        from collections.abc import Sequence
        from mitmproxy import command, ctx, flow, http, types

        class Commands:
            @command.command("own.add")
            def add(self, a: int, b: int = 2) -> int:
                "Adds numbers."
                return a + b

            @command.command("own.header")
            def header(self, flows: Sequence[flow.Flow], value: str) -> Sequence[str]:
                for one in flows:
                    one.request.headers["x-set"] = value
                    one.comment = "changed"
                return [one.request.path for one in flows]

            @command.command("own.path")
            def path(self, path: types.Path, flag: bool) -> str:
                return f"{type(path).__name__} {flag}"

            @command.command("own.both")
            def both(self) -> int:
                return ctx.master.commands.call("own.add", 1, 1) + ctx.master.commands.call_strings("own.add", ["40"])

            def load(self, loader):
                loader.add_command("own.late", lambda: "late")

        addons = [Commands()]
        """)
    proxy, worker = caller(*bridge.options, addons=[str(file)], permissions=["command.call", "flow.list", "flow.get"])

    def call(name, args=None):
        return asked(worker, "command.call", name=name, args=args)["result"]

    assert (call("own.add", ["1"]), call("own.add", [1, 5]), call("own.add", {"a": "3"}), call("own.add", "4 4")) == (3, 6, 5, 8)
    assert (call("own.both"), call("own.late"), call("own.path", ["~/x", "true"])) == (44, "late", "Path True")
    for args, text in [(["x"], "expected int, found 'x'"), ([], "own.add takes a: int, b: int"), ({"c": 1}, "no argument 'c'")]:
        assert text in refused(worker, "command.call", name="own.add", args=args)["message"]
    for path in ("/a", "/b", "/c"):
        assert proxy.get(server.url(path)).status == 200
    assert call("own.header", ["~u /b$", "v"]) == ["/b"]
    assert call("own.header", ["@all", "w"]) == ["/a", "/b", "/c"]
    flows = asked(worker, "flow.list")["flows"]
    assert [(dict(one["request"]["headers"])["x-set"], one["comment"]) for one in flows] == [("w", "changed")] * 3


def test_what_a_command_of_another_addon_does_with_a_flow_is_seen_at_once(bridge, origin):
    server = origin()
    other = bridge.write("""
        from collections.abc import Sequence
        from mitmproxy import command, flow

        @command.command("other.tag")
        def tag(flows: Sequence[flow.Flow]) -> int:
            for one in flows:
                one.request.headers["x-tag"] = one.request.headers["x-mine"] + "!"
            return len(flows)
        """, "other.py")
    proxy = bridge("""
        from mitmproxy import ctx

        def request(flow):
            flow.request.headers["x-mine"] = "1"
            count = ctx.master.commands.call("other.tag", [flow])
            flow.request.headers["x-seen"] = f"{count} {flow.request.headers['x-tag']}"
        """, addons=[str(other)])
    assert proxy.get(server.url("/")).status == 200
    assert [server.received[0].one(name) for name in ("x-mine", "x-tag", "x-seen")] == [b"1", b"1!", b"1 1!"]


@BOTH
def test_a_copy_is_changed_and_replayed_and_flows_stand_still_until_they_are_resumed(bridge, origin, package):
    server = origin()
    proxy = bridge("""
        import logging
        from mitmproxy import ctx, exceptions

        held = []

        def request(flow):
            if flow.is_replay == "request":
                logging.info("replayed %s %s", flow.request.path, getattr(flow, "mark_of_mine", None))
                return
            if flow.request.path == "/again":
                copy = flow.copy()
                copy.mark_of_mine = "mine"
                copy.request.path = "/changed"
                copy.request.headers["x-copy"] = "1"
                ctx.master.commands.call("replay.client", [copy])
            elif flow.request.path == "/hold":
                flow.intercept()
                held.append(flow)
            elif flow.request.path == "/go":
                for one in held:
                    one.request.path = "/held"
                    one.resume()
            elif flow.request.path == "/end":
                held[-1].kill()
            elif flow.request.path == "/unknown":
                try:
                    ctx.master.commands.call("browser.start")
                except exceptions.CommandError as error:
                    flow.request.headers["x-error"] = str(error)
        """)
    assert proxy.get(server.url("/again")).status == 200
    server.wait(2)
    changed = next(one for one in server.received if one.target == b"/changed")
    assert changed.one("x-copy") == b"1"
    proxy.wait_log("replayed /changed mine")
    client = Getting(proxy, server.url("/hold"))
    eventually(lambda: proxy.get(server.url("/go")).status == 200 and any(one.target == b"/held" for one in server.received))
    assert client.end().status == 200
    assert proxy.get(server.url("/unknown")).status == 200
    assert server.received[-1].one("x-error") == b"Unknown command: browser.start"


def chat(connection) -> None:
    with contextlib.suppress(ConnectionClosed):
        for message in connection:
            connection.send(message)


@BOTH
def test_messages_of_a_websocket_are_changed_dropped_and_injected(bridge, serving, package):
    server = serving(chat)
    proxy = bridge(
        """
        import logging
        from mitmproxy import ctx

        def websocket_start(flow):
            flow.count = 0

        def websocket_message(flow):
            message = flow.websocket.messages[-1]
            flow.count += 1
            if message.from_client and message.is_text:
                if message.text == "drop":
                    message.drop()
                    ctx.master.commands.call("inject.websocket", flow, True, b"instead")
                message.text = message.text.replace("a", "b")
            elif message.from_client:
                message.content = message.content[::-1]

        def websocket_end(flow):
            logging.info("%d of %d messages, closed with %s", flow.count, len(flow.websocket.messages), flow.websocket.close_code)
        """,
        modes=[f"reverse:http://{server}"],
    )
    with Route("reverse", proxy, server).client("/") as client:
        client.send("aha")
        assert client.recv(5) == "bhb"
        client.send(b"\x01\xff")
        assert client.recv(5) == b"\xff\x01"
        client.send("drop")
        assert client.recv(5) == "instead"
    proxy.wait_log("6 of 6 messages, closed with 1000")


def test_pieces_of_tcp_are_changed_and_names_are_answered(bridge, origin):
    server, names = origin(echo), NameServer(named("A 192.0.2.1"))
    port = free_port()
    try:
        proxy = bridge(
            """
            import ipaddress, logging
            from mitmproxy import dns, tcp

            def tcp_message(flow: tcp.TCPFlow):
                message = flow.messages[-1]
                if message.from_client:
                    message.content = message.content.replace(b"foo", b"bar")

            def tcp_end(flow):
                logging.info("ended with %r", b"".join(m.content for m in flow.messages if m.from_client))

            def dns_request(flow: dns.DNSFlow):
                question = flow.request.question
                if question.name == "own.example":
                    flow.response = flow.request.succeed([dns.ResourceRecord.A(question.name, ipaddress.ip_address("192.0.2.9"))])
                if question.name == "none.example":
                    flow.response = flow.request.fail(dns.response_codes.NXDOMAIN)

            def dns_response(flow):
                for answer in flow.response.answers:
                    answer.ttl = 7
            """,
            modes=[f"reverse:tcp://{server.authority}", f"reverse:dns://{names.authority}@{port}"],
            ports=[port],
        )
        with proxy.connect() as wire:
            wire.send(b"a foo")
            assert wire.until(b"bar") == b"a bar"
        proxy.wait_log("ended with b'a bar'")
        for name, address in (("own.example", "192.0.2.9"), ("x.example", "192.0.2.1")):
            answer = ask(port, name).answer[0]
            assert (answer.ttl, [one.address for one in answer]) == (7, [address])
        assert ask(port, "none.example").rcode() == 3
    finally:
        names.stop()


@BOTH
def test_what_is_known_of_tls_is_shown(bridge, origin, authority, package):
    server = origin(over_tls(answering(OK), authority.leaf("127.0.0.1")))
    proxy = bridge("""
        import logging

        def tls_established_server(data):
            logging.info("server %s %s", data.conn.tls_version, data.context.client.sni)

        def response(flow):
            cert = flow.server_conn.certificate_list[0]
            logging.info("%s %s %s %s", flow.request.scheme, cert.cn, flow.client_conn.tls_established, flow.server_conn.address[1])
            flow.response.headers["x-proto"] = flow.client_conn.tls_version
        """, "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")
    with tls_through(proxy, server.authority) as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.response().one("x-proto") == b"TLSv1.3"
    proxy.wait_log(rf"https 127\.0\.0\.1 True {server.port}")
    proxy.wait_log("server TLSv1.3")


def test_connections_are_refused_redirected_and_passed_by(bridge, origin, authority):
    leaf = authority.leaf("pass.example")
    server, plain = origin(over_tls(answering(OK), leaf)), origin()
    proxy = bridge(
        """
        import logging

        def client_connected(client):
            client.mine = 1

        def tls_clienthello(data):
            logging.info("hello %s %s", data.client_hello.sni, data.context.client.mine)
            if data.client_hello.sni == "pass.example":
                data.ignore_connection = True

        def server_connect(data):
            if data.server.address[0] == "elsewhere.example":
                data.server.address = ("127.0.0.1", PORT)
            if data.server.address[0] == "refused.example":
                data.server.error = "not there"

        def request(flow):
            name = flow.request.host
            if name.startswith(("front", "moved")):
                flow.request.host, flow.request.port = "127.0.0.1", PORT
            if name.startswith("front"):
                flow.request.headers["host"] = name

        def client_disconnected(client):
            logging.info("gone %s", client.mine)

        def error(flow):
            logging.info("error: %s", flow.error.msg)
        """.replace("PORT", str(plain.port)))
    assert proxy.get("http://elsewhere.example/").status == 200
    assert plain.received[0].one("host") == b"elsewhere.example"
    for name, host in (("front.example", "front.example"), ("moved.example", plain.authority)):
        assert proxy.get(f"http://{name}/").status == 200
        assert plain.received[-1].one("host") == host.encode()
    with pytest.raises(Closed):
        proxy.get("http://refused.example/")
    proxy.wait_log("was refused: not there")
    # The server's own certificate: the client speaks with it past us. Another name is ours.
    with tls_through(proxy, server.authority, trusting(authority.certificate), "pass.example") as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: pass.example\r\n\r\n")
        assert wire.response().status == 200
    proxy.wait_log("hello pass.example 1")
    proxy.wait_log("gone 1")


@BOTH
def test_the_upstream_proxy_is_chosen_for_each_flow(bridge, origin, package):
    server, usual, other = origin(), origin(), origin()
    proxy = bridge(f"""
        from mitmproxy import http
        from mitmproxy.connection import Server
        from mitmproxy.net.server_spec import ServerSpec

        def request(flow: http.HTTPFlow) -> None:
            assert flow.server_conn.via[1] == ("127.0.0.1", {usual.port})
            if flow.request.path == "/other":
                flow.server_conn.via = ServerSpec(("http", ("127.0.0.1", {other.port})))
            elif flow.request.path == "/straight":
                flow.server_conn = Server(address=flow.server_conn.address)

        def response(flow):
            flow.response.headers["x-via"] = str(flow.server_conn.via and flow.server_conn.via[1][1])
            flow.server_conn.via = ("http", ("late", 1)) if flow.request.path == "/straight" else flow.server_conn.via
        """, modes=[f"upstream:{usual.authority}"])
    with proxy.connect() as wire:
        for path, via in [("/usual", usual.port), ("/other", other.port), ("/straight", None), ("/usual", usual.port)]:
            wire.send(f"GET {server.url(path)} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
            assert wire.response().one("x-via") == str(via).encode()
    assert [len(one.received) for one in (usual, other, server)] == [2, 1, 1]
