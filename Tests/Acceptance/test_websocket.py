"""WebSockets through the proxy: thousands of messages, some of them changed, dropped or injected by an addon."""

import asyncio
import contextlib
import random
import threading

import aiohttp
import aiohttp.web
import pytest
from websockets.exceptions import ConnectionClosed

from support.proxy import eventually
from support.tunnel import trusting
from support.websocket import random_content, server_context

LARGE = {"limits": {"max_line": 1 << 24}}


DECIDING = """
import base64
numbers = iter(range(1, 1 << 30))

def content_of(message):
    content = message[2]
    return content.encode() if isinstance(content, str) else base64.b64decode(content["b64"])

@worker.on("websocket_message")
def decide(event):
    message = event["params"]["flow"]["websocket"]["messages"][-1]
    if message[5]:
        return None
    content, from_client = content_of(message), message[1]
    number = int(content.split(b" ")[0])
    if number % 13 == 6:
        text = f"injected {number}"
        call = {"id": event["params"]["flow"]["id"], "to_client": not from_client, "content": text, "is_text": number % 2 == 0}
        worker.send({"jsonrpc": "2.0", "id": f"i{next(numbers)}", "method": "inject.websocket", "params": call})
    if number % 11 == 5:
        message[4] = True
    elif number % 7 == 3:
        edited = content + b" edited"
        message[2] = edited.decode() if message[0] == 1 else {"b64": base64.b64encode(edited).decode()}
    else:
        return None
    return {"flow": {"websocket": {"messages": [message]}}}
"""


def deciding(addon):
    hooks = [{"name": "websocket_message", "fields": ["flow.websocket.messages"]}]
    return addon(hooks, DECIDING, result={"permissions": ["inject.websocket"], **LARGE})


def decided(sent: list[str | bytes]) -> tuple[list[str | bytes], list[str | bytes]]:
    """What must arrive of the messages, in their order, and what is injected among them."""
    arrives, injected = [], []
    for number, message in enumerate(sent):
        if number % 13 == 6:
            text = f"injected {number}"
            injected.append(text if number % 2 == 0 else text.encode())
        if number % 11 == 5:
            continue
        edited = " edited" if isinstance(message, str) else b" edited"
        arrives.append(message + edited if number % 7 == 3 else message)
    return arrives, injected


def exchange(connection, sent: list[str | bytes]) -> list[str | bytes]:
    """Sends all messages and receives as many as must come from the other side, at the same time."""
    received, arrives, injected = [], *decided(sent)
    failures = []

    def receive():
        try:
            while len(received) < len(arrives) + len(injected):
                received.append(connection.recv(timeout=60))
        except BaseException as failure:
            failures.append(failure)

    receiver = threading.Thread(target=receive)
    receiver.start()
    for message in sent:
        connection.send(message)
    receiver.join()
    assert not failures, (failures[0], len(received))
    return received


def check(received: list[str | bytes], sent: list[str | bytes]) -> None:
    def is_injected(message):
        return message.startswith("injected " if isinstance(message, str) else b"injected ")

    arrives, injected = decided(sent)
    assert [message for message in received if not is_injected(message)] == arrives
    assert [message for message in received if is_injected(message)] == injected


@pytest.mark.seconds(240)
@pytest.mark.parametrize("compression", ["deflate", None])
@pytest.mark.parametrize("route, count", [("connect-tls", 10_000), ("connect", 1000), ("reverse", 1000), ("reverse-tls", 1000)])
def test_what_arrives_is_exactly_what_should(through, addon, serving, authority, route, count, compression):
    choice = random.Random(f"{route} {compression}")
    sent = [random_content(choice, number) for number in range(count // 2)]
    heard = []

    def serve(connection):
        heard.extend(exchange(connection, sent))
        with contextlib.suppress(ConnectionClosed):
            connection.recv()  # the client's close frame

    server = serving(serve, authority.leaf("127.0.0.1") if route.endswith("tls") else None, compression=compression)
    way = through(route, server, "--quiet", addons=[deciding(addon)])
    with way.client(compression=compression) as client:
        assert bool(client.protocol.extensions) == bool(compression)
        check(exchange(client, sent), sent)
        eventually(lambda: len(heard) == sum(map(len, decided(sent))), 60, "the server's messages")
    check(heard, sent)
    assert client.protocol.close_code == 1000


@pytest.mark.seconds(120)
@pytest.mark.parametrize("route", ["plain", "connect-tls", "reverse"])
def test_aiohttp_on_both_sides(through, addon, authority, route):
    """The other implementation of both roles, on every route that it knows; it also asks in absolute-form."""
    choice = random.Random(route)
    sent = [random_content(choice, number) for number in range(300)]
    heard, codes = [], []

    async def run():
        async def serve(request):
            socket = aiohttp.web.WebSocketResponse(max_msg_size=0)
            await socket.prepare(request)
            async for message in socket:
                heard.append(message.data)
                await (socket.send_str if message.type is aiohttp.WSMsgType.TEXT else socket.send_bytes)(message.data)
            codes.append(socket.close_code)
            return socket

        app = aiohttp.web.Application()
        app.router.add_get("/chat", serve)
        runner = aiohttp.web.AppRunner(app)
        await runner.setup()
        tls = server_context(authority.leaf("127.0.0.1")) if route.endswith("tls") else None
        site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        server = f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        worker = addon(
            ["websocket_message"],
            """
@worker.on("websocket_message")
def decide(event):
    message = event["params"]["flow"]["websocket"]["messages"][-1]
    if message[1] and message[0] == 1:
        return {"flow": {"websocket": {"messages": [[*message[:2], message[2].upper(), *message[3:]]]}}}
""",
            result=LARGE,
        )
        way = await asyncio.to_thread(through, "reverse" if route == "reverse" else "plain", server, addons=[worker])
        proxy = None if route == "reverse" else way.proxy.url
        url = f"http{'s' * bool(tls)}://{server if proxy else f'127.0.0.1:{way.proxy.port}'}/chat"
        async with aiohttp.ClientSession() as session:
            options = {"ssl": trusting(way.proxy.ca)} if tls else {}
            async with session.ws_connect(url, proxy=proxy, compress=15, max_msg_size=0, **options) as socket:
                for message in sent:
                    await (socket.send_str if isinstance(message, str) else socket.send_bytes)(message)
                    answer = await socket.receive(timeout=20)
                    assert answer.data == (message.upper() if isinstance(message, str) else message)
                await socket.close(code=4001, message=b"enough")
        await runner.cleanup()

    asyncio.run(run())
    assert heard == [message.upper() if isinstance(message, str) else message for message in sent]
    assert codes == [4001]
