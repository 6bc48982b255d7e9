"""Flows as commands and as text. CommandError where a flow has no such part."""

import shlex
from collections.abc import Callable

from mitmproxy import ctx, exceptions, flow, http
from mitmproxy.net.http.http1 import assemble_request, assemble_response
from mitmproxy.utils import strutils


def cleanup_request(f: flow.Flow) -> http.Request:
    """A copy of the request without coding."""
    request = getattr(f, "request", None)
    if not isinstance(request, http.Request):
        raise exceptions.CommandError("Can't export flow with no request.")
    request = request.copy()
    request.decode(strict=False)
    return request


def cleanup_response(f: flow.Flow) -> http.Response:
    response = getattr(f, "response", None)
    if not isinstance(response, http.Response):
        raise exceptions.CommandError("Can't export flow with no response.")
    response = response.copy()
    response.decode(strict=False)
    return response


def pop_headers(request: http.Request) -> http.Request:
    """Without the headers that a client makes by itself."""
    request.headers.pop("content-length", None)
    if request.headers.get("host", "").strip() == request.host:
        request.headers.pop("host")
    if request.headers.get(":authority", "").strip() == request.host:
        request.headers.pop(":authority")
    return request


def request_content_for_console(request: http.Request) -> str:
    """The body as a terminal shows it. CommandError if it is no text."""
    try:
        text = request.get_text(strict=True) or ""
    except ValueError:
        raise exceptions.CommandError("Request content must be valid unicode") from None
    escaped = {code: f"\\x{code:02x}" for code in range(32)}
    return "".join(escaped.get(ord(character), character) for character in text)


def curl_command(f: flow.Flow) -> str:
    request = pop_headers(cleanup_request(f))
    words = ["curl"]
    server = f.server_conn.peername if f.server_conn else None
    if getattr(ctx.options, "export_preserve_original_ip", False) and server and request.pretty_host != server[0]:
        words += ["--resolve", f"{request.pretty_host}:{request.port}:[{server[0]}]"]
    for name, value in request.headers.items(multi=True):
        words += ["--compressed"] if name.lower() == "accept-encoding" else ["-H", f"{name}: {value}"]
    if request.method != "GET":
        words += ["-X", request.method]
    words.append(request.pretty_url)
    if request.content:
        words += ["-d", request_content_for_console(request)]
    return " ".join(map(shlex.quote, words))


def httpie_command(f: flow.Flow) -> str:
    request = pop_headers(cleanup_request(f))
    words = ["http", request.method, request.pretty_url]
    words += [f"{name}: {value}" for name, value in request.headers.items(multi=True)]
    command = " ".join(map(shlex.quote, words))
    return f"{command} <<< {shlex.quote(request_content_for_console(request))}" if request.content else command


def raw_request(f: flow.Flow) -> bytes:
    request = cleanup_request(f)
    if request.raw_content is None:
        raise exceptions.CommandError("Request content missing.")
    return assemble_request(request)


def raw_response(f: flow.Flow) -> bytes:
    response = cleanup_response(f)
    if response.raw_content is None:
        raise exceptions.CommandError("Response content missing.")
    return assemble_response(response)


def raw(f: flow.Flow, separator: bytes = b"\r\n\r\n") -> bytes:
    """Request, response and WebSocket messages: what there is of them."""
    kept = isinstance(f, http.HTTPFlow)
    parts = []
    if kept and f.request and f.request.raw_content is not None:
        parts.append(raw_request(f))
    if kept and f.response and f.response.raw_content is not None:
        parts.append(raw_response(f))
    if not parts:
        raise exceptions.CommandError("Can't export flow with no request or response.")
    if f.websocket:
        signs = {True: b"[OUTGOING] ", False: b"[INCOMING] "}
        parts.append(b"\n".join(signs[message.from_client] + message.content for message in f.websocket.messages))
    return separator.join(parts)


formats: dict[str, Callable[[flow.Flow], str | bytes]] = {
    "curl": curl_command,
    "httpie": httpie_command,
    "raw": raw,
    "raw_request": raw_request,
    "raw_response": raw_response,
}


def export_str(format: str, f: flow.Flow) -> str:  # noqa: A002
    """CommandError if there is no such format."""
    if format not in formats:
        raise exceptions.CommandError("No such export format: %s" % format)
    return strutils.always_str(formats[format](f), "utf8", "backslashreplace")  # type: ignore[return-value]
