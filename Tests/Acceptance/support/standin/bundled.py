"""What of mitmproxy's own addons others import: exports, web applications."""

import asyncio
import types

from flows import dns_flow, http_flow, request, response, tcp_flow, udp_flow, websocket_messages

from mitmproxy import ctx
from mitmproxy.addons import asgiapp, export

ctx.master = None

REQUESTS = [
    request(),
    request(content=b""),
    request(headers=((b"Host", b"x"), (b"a", b"it's"), (b"content-length", b"0")), content=b""),
    request(method=b"POST", content=b"a\nb\x00\xff"),
    request(method=b"POST", content=b""),
    request(method=b"PUT", content=None),
    request(content=None),
    request(headers=((b":authority", b"example.com"), (b"accept-encoding", b"gzip"), (b"A", b"b"), (b"a", b"c"))),
    request(method=b"POST", content="☃ 'q'".encode(), host="1.2.3.4", headers=((b"content-type", b"text/plain; charset=utf-8"),)),
    request(method=b"POST", content=b"\xff", headers=((b"content-type", b"application/json"),)),
    request(headers=((b"host", b"other"), (b"content-encoding", b"gzip")), content=b"broken"),
]


def exported(kind, keep, *made):
    ctx.options = types.SimpleNamespace(export_preserve_original_ip=keep)
    results = []
    for one in made:
        try:
            results.append(export.formats[kind](one))
        except Exception as error:
            results.append(f"{type(error).__name__}: {error}")
    return results


def http_flows():
    return [http_flow(one, response(headers=((b"content-encoding", b"gzip"), (b"x", b"y")), content=b"zz")) for one in REQUESTS]


def others():
    return [http_flow(), http_flow(made_response=response(content=None)), http_flow(made_response=response(), messages=websocket_messages()), tcp_flow(), udp_flow()]


async def hello(scope, receive, send):
    event = await receive()
    await send({"type": "http.response.start", "status": 201, "headers": [(b"a", b"b"), (b"a", b"c")]})
    await send({"type": "http.response.body", "body": b"hello ", "more_body": True})
    await send({"type": "http.response.body", "body": event["body"]})


async def silent(scope, receive, send):
    await receive()


async def broken(scope, receive, send):
    raise ValueError("broken")


def wsgi(environment, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-A", "b")])
    names = "REQUEST_METHOD PATH_INFO QUERY_STRING CONTENT_LENGTH HTTP_HOST SERVER_PROTOCOL SCRIPT_NAME".split()
    return [repr([(name, environment.get(name)) for name in names]).encode(), environment["wsgi.input"].read()]


def wsgi_status(environment, start_response):
    start_response("404 NOT FOUND", [("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")])
    return []


def wsgi_broken(environment, start_response):
    raise ValueError("broken")


def served(kind, application, made):
    addon = kind(application, "example.com", 80)

    async def ask():
        await addon.request(made)

    asyncio.run(ask())
    answer = made.response
    return addon.name, addon.should_serve(made), answer and (answer.status_code, answer.headers.fields, answer.content)


EXPRESSIONS = r"""
[exported(kind, keep, *http_flows()) for kind in export.formats for keep in (False, True)]
[exported(kind, False, *others()) for kind in export.formats]
exported("raw", False, dns_flow())
served(asgiapp.ASGIApp, hello, http_flow()), served(asgiapp.ASGIApp, silent, http_flow()), served(asgiapp.ASGIApp, broken, http_flow())
served(asgiapp.ASGIApp, hello, http_flow(live=False)), served(asgiapp.ASGIApp, hello, http_flow(request(host="other", headers=((b"a", b"b"),)))), served(asgiapp.ASGIApp, hello, http_flow(request(port=81)))
served(asgiapp.ASGIApp, hello, http_flow(made_response=response())), served(asgiapp.ASGIApp, hello, http_flow(error="x"))
served(asgiapp.WSGIApp, wsgi, http_flow()), served(asgiapp.WSGIApp, wsgi, http_flow(request(path=b"/a/b?c=%20d", content=b"")))
served(asgiapp.WSGIApp, wsgi_status, http_flow()), served(asgiapp.WSGIApp, wsgi_broken, http_flow())
{name: value for name, value in asgiapp.make_scope(http_flow(request(path=b"/a/b?c", headers=((b"A-B", b"c"),)))).items() if name not in ("extensions", "raw_path")}
"""
