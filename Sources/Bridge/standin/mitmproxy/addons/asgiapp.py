"""Web applications that answer the requests for one host and port."""

import asyncio
import io
import logging
import sys
import urllib.parse
from collections.abc import Callable
from typing import Any

from mitmproxy import ctx, http

logger = logging.getLogger(__name__)

_VERSIONS = {"HTTP/1.0": "1.0", "HTTP/1.1": "1.1", "HTTP/2.0": "2"}


class ASGIApp:
    """An addon that asks an ASGI application. One that fails answers 500."""

    def __init__(self, asgi_app: Callable, host: str, port: int | None) -> None:
        self.asgi_app = asgi_app
        self.host, self.port = host, port

    @property
    def name(self) -> str:
        return f"asgiapp:{self.host}:{self.port}"

    def should_serve(self, flow: http.HTTPFlow) -> bool:
        """Whether it is for this application, and not answered yet."""
        mine = flow.request.pretty_host == self.host and self.port in (None, flow.request.port)
        return bool(mine and flow.live and not flow.error and not flow.response)

    async def request(self, flow: http.HTTPFlow) -> None:
        if self.should_serve(flow):
            try:
                await self._answer(flow)
            except Exception as error:
                logger.error("Error in asgi app: %s", error, exc_info=True)
                flow.response = http.Response.make(500, b"ASGI Error.")

    async def _answer(self, flow: http.HTTPFlow) -> None:
        received, sent = False, bytearray()
        start: dict[str, Any] = {}
        ended = asyncio.Event()

        async def receive() -> dict[str, Any]:
            nonlocal received
            if received:
                await ended.wait()
                return {"type": "http.disconnect"}
            received = True
            return {"type": "http.request", "body": flow.request.raw_content or b"", "more_body": False}

        async def send(event: dict[str, Any]) -> None:
            if event["type"] == "http.response.start":
                start.update(event)
                return
            sent.extend(event.get("body", b""))
            if not event.get("more_body"):
                headers = http.Headers(tuple((bytes(name), bytes(value)) for name, value in start.get("headers", ())))
                flow.response = http.Response.make(start["status"], bytes(sent), headers)
                ended.set()

        await self.asgi_app(make_scope(flow), receive, send)
        if not ended.is_set():
            raise RuntimeError("no response sent.")


def make_scope(flow: http.HTTPFlow) -> dict[str, Any]:
    """The request as ASGI describes it."""
    path, _, query = flow.request.data.path.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.1"},
        "http_version": _VERSIONS.get(flow.request.http_version, "1.1"),
        "method": flow.request.method,
        "scheme": flow.request.scheme.upper(),
        "path": urllib.parse.unquote(path.decode("ascii", "replace")),
        "raw_path": path,
        "query_string": query,
        "headers": [(name.lower(), value) for name, value in flow.request.headers.fields],
        "client": flow.client_conn.peername,
        "extensions": {"mitmproxy.master": getattr(ctx, "master", None)},
    }


class WSGIApp(ASGIApp):
    """An addon that asks a WSGI application, each request in a thread."""

    def __init__(self, wsgi_app: Callable, host: str, port: int | None) -> None:
        super().__init__(wsgi_app, host, port)

    async def _answer(self, flow: http.HTTPFlow) -> None:
        flow.response = await asyncio.to_thread(_ask, self.asgi_app, _environment(flow))


def _environment(flow: http.HTTPFlow) -> dict[str, Any]:
    request = flow.request
    path, _, query = request.path.partition("?")
    environment = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        # WSGI's strings are bytes in Latin-1's clothes.
        "PATH_INFO": urllib.parse.unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": request.host,
        "SERVER_PORT": str(request.port),
        "SERVER_PROTOCOL": request.http_version,
        "REMOTE_ADDR": flow.client_conn.peername[0],
        "REMOTE_PORT": str(flow.client_conn.peername[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BytesIO(request.raw_content or b""),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name in request.headers:
        key = name.upper().replace("-", "_")
        value = (", " if key != "COOKIE" else "; ").join(request.headers.get_all(name))
        environment[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return environment


def _ask(application: Callable, environment: dict[str, Any]) -> http.Response:
    started: list[Any] = []
    written = bytearray()

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        started[:] = [status, headers]
        return written.extend

    result = application(environment, start_response)
    try:
        for part in result:
            written.extend(part)
    finally:
        if hasattr(result, "close"):
            result.close()
    if not started:
        raise RuntimeError("no response sent.")
    status, headers = started
    fields = tuple((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    return http.Response.make(int(status.split()[0]), bytes(written), http.Headers(fields))
