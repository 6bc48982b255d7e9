"""WebSockets within HTTP/2 (RFC 8441), to the proxy, from it, and both: nghttpx carries them to a client and a server in HTTP/1."""

import contextlib
import random

import pytest
import websockets.sync.client
from support.nghttp2 import Nghttpd, Nghttpx
from support.proxy import eventually
from support.websocket import random_content
from test_websocket import check, decided, deciding, exchange
from websockets.exceptions import ConnectionClosed, InvalidStatus


@pytest.fixture
def nghttpx(tmp_path):
    """`nghttpx(port, …)` starts one that forwards there, see support/nghttp2.py."""
    made = []

    def make(target: int, **options) -> Nghttpx:
        made.append(Nghttpx(tmp_path / f"nghttpx{len(made)}", target, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def port_of(authority: str) -> int:
    return int(authority.rsplit(":", 1)[1])


@pytest.mark.seconds(240)
@pytest.mark.parametrize("compression", ["deflate", None])
@pytest.mark.parametrize("client_side, server_side, count", [(2, 2, 10_000), (2, 1, 1000), (1, 2, 1000)])
def test_what_arrives_is_exactly_what_should(weir, addon, serving, nghttpx, client_side, server_side, count, compression):
    choice = random.Random(f"{client_side} {server_side} {compression}")
    sent = [random_content(choice, number) for number in range(count // 2)]
    heard = []

    def serve(connection):
        heard.extend(exchange(connection, sent))
        with contextlib.suppress(ConnectionClosed):
            connection.recv()  # the client's close frame

    port = port_of(serving(serve, compression=compression))
    if server_side == 2:
        port = nghttpx(port).port
    mode = f"reverse:{'h2c' if server_side == 2 else 'http'}://127.0.0.1:{port}"
    proxy = weir("--quiet", modes=[mode], addons=[deciding(addon)])
    entry = nghttpx(proxy.port, http2=True).port if client_side == 2 else proxy.port
    url = f"ws://127.0.0.1:{entry}/chat"
    with websockets.sync.client.connect(url, proxy=None, max_size=None, open_timeout=20, compression=compression) as client:
        assert bool(client.protocol.extensions) == bool(compression)
        check(exchange(client, sent), sent)
        eventually(lambda: len(heard) == sum(map(len, decided(sent))), 60, "the server's messages")
    check(heard, sent)
    assert client.protocol.close_code == 1000


def test_the_flow_shows_the_handshake_that_it_stands_for(weir, caller, serving, nghttpx):
    server = nghttpx(port_of(serving(lambda connection: connection.send(connection.recv())))).port
    ended = []
    proxy, worker = caller(modes=[f"reverse:h2c://127.0.0.1:{server}"], hooks=["websocket_end"])
    worker.on("websocket_end")(lambda event: ended.append(event["params"]["flow"]))
    entry = nghttpx(proxy.port, http2=True).port
    with websockets.sync.client.connect(f"ws://127.0.0.1:{entry}/chat?a=1", proxy=None) as client:
        client.send("hello")
        assert client.recv(timeout=10) == "hello"
    eventually(lambda: ended, 10, "the end of the WebSocket")
    request, response = ended[0]["request"], ended[0]["response"]
    assert (request["method"], request["path"], request["http_version"]) == ("GET", "/chat?a=1", "HTTP/2.0")
    assert ["upgrade", "websocket"] in request["headers"]
    assert (response["status_code"], response["http_version"]) == (101, "HTTP/2.0")
    assert ended[0]["websocket"]["close_code"] == 1000


def test_a_server_that_takes_no_websockets_is_named(weir, tmp_path):
    server = Nghttpd(tmp_path / "nghttpd", tmp_path)
    try:
        proxy = weir(modes=[f"reverse:h2c://{server.authority}"])
        with pytest.raises(InvalidStatus) as refused:
            websockets.sync.client.connect(f"ws://127.0.0.1:{proxy.port}/", proxy=None)
        assert refused.value.response.status_code == 502
        assert f"server {server.authority} takes no WebSockets within HTTP/2" in refused.value.response.body.decode()
    finally:
        server.stop()


def test_the_proxys_end_tells_both(weir, serving, nghttpx):
    codes = []

    def serve(connection):
        with contextlib.suppress(ConnectionClosed):
            connection.recv()
        codes.append(connection.protocol.close_code)

    server = nghttpx(port_of(serving(serve))).port
    proxy = weir(modes=[f"reverse:h2c://127.0.0.1:{server}"])
    entry = nghttpx(proxy.port, http2=True).port
    with websockets.sync.client.connect(f"ws://127.0.0.1:{entry}/", proxy=None) as client:
        proxy.stop()
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=10)
        assert client.protocol.close_code == 1001
        eventually(lambda: codes, 10, "the server's end")
    assert codes == [1001]
