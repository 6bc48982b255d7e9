"""Clients that people use, on plain HTTP and on HTTPS, many requests at once."""

import asyncio
import ssl

import aiohttp
import httpx
import pytest

from support.tunnel import trusting


@pytest.fixture
def both(weir, nginx, authority, addon):
    """A proxy with a worker that counts, a plain server and one with TLS."""
    worker = addon(["request", "response"])
    proxy = weir("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", addons=[worker])
    return proxy, worker, [nginx(), nginx(authority.leaf("127.0.0.1"))]


def test_httpx_reaches_both(both):
    proxy, worker, servers = both
    with httpx.Client(proxy=proxy.url, verify=trusting(proxy.ca), timeout=10) as client:
        for server in servers:
            for n in range(10):
                assert client.get(server.url(f"/{n}")).text == f"GET /{n}\n"
            assert client.post(server.url("/post"), content=b"x" * 100_000).text == "POST /post\n"
    assert len(worker.messages("response")) == 22


def test_httpx_speaks_http_2_with_both(weir, nginx, authority, addon):
    server, worker = nginx(authority.leaf("127.0.0.1"), http2=True), addon([{"name": "response", "filter": "!~m CONNECT"}])
    proxy = weir("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", addons=[worker])
    with httpx.Client(http2=True, proxy=proxy.url, verify=trusting(proxy.ca), timeout=10) as client:
        for n in range(10):
            answer = client.get(server.url(f"/{n}"))
            assert (answer.text, answer.http_version) == (f"GET /{n}\n", "HTTP/2")
        assert client.post(server.url("/post"), content=b"x" * 100_000).text == "POST /post\n"
    flows = [message["params"]["flow"] for message in worker.messages("response")]
    assert [(flow["request"]["http_version"], flow["response"]["http_version"]) for flow in flows] == [("HTTP/2.0", "HTTP/2.0")] * 11
    assert len({flow["server_conn"]["id"] for flow in flows}) == 1


def test_aiohttp_reaches_both_with_many_requests_at_once(both):
    proxy, worker, servers = both

    async def one(session: aiohttp.ClientSession, url: str) -> str:
        async with session.get(url, proxy=proxy.url) as answer:
            return await answer.text()

    async def all_of_them() -> list[str]:
        connector = aiohttp.TCPConnector(ssl=trusting(proxy.ca), limit=30)
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            return await asyncio.gather(*(one(session, server.url(f"/{n}")) for n in range(100) for server in servers))

    assert asyncio.run(all_of_them()) == [f"GET /{n}\n" for n in range(100) for _ in servers]
    assert len(worker.messages("request")) == 200


def test_an_asyncio_server_and_client_exchange_streams(weir, origin):
    """An aiohttp server that answers in chunks what it was sent in chunks."""

    async def exchange() -> bytes:
        from aiohttp import web

        async def echo(request: web.Request) -> web.StreamResponse:
            answer = web.StreamResponse()
            await answer.prepare(request)
            async for data in request.content.iter_any():
                await answer.write(data)
            return answer

        application = web.Application()
        application.router.add_post("/echo", echo)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]

        async def parts():
            for n in range(50):
                yield bytes([n]) * 1000

        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
                async with session.post(f"http://127.0.0.1:{port}/echo", data=parts(), proxy=proxy.url) as answer:
                    return await answer.read()
        finally:
            await runner.cleanup()

    proxy = weir()
    assert asyncio.run(exchange()) == b"".join(bytes([n]) * 1000 for n in range(50))


def test_httpx_sees_why_an_upstream_is_not_trusted(weir, nginx, authority):
    server, proxy = nginx(authority.leaf("127.0.0.1")), weir()
    with httpx.Client(proxy=proxy.url, verify=trusting(proxy.ca), timeout=10) as client:
        answer = client.get(server.url())
    assert answer.status_code == 502
    assert "certificate" in answer.text.lower()


def test_a_python_client_without_the_ca_refuses(weir, nginx, authority):
    server, proxy = nginx(authority.leaf("127.0.0.1")), weir("--set", "ssl_insecure=true")
    with httpx.Client(proxy=proxy.url, verify=ssl.create_default_context(), timeout=10) as client:
        with pytest.raises(httpx.ConnectError):
            client.get(server.url())
