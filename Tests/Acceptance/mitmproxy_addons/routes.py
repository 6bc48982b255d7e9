"""Requests that go elsewhere, are answered here, or end."""

from mitmproxy import ctx, http


def request(flow: http.HTTPFlow) -> None:
    match flow.request.path:
        case "/routes/elsewhere":
            flow.request.port = int(flow.request.headers["x-port"])
            flow.request.path = "/routes/there"
        case "/routes/url":
            flow.request.url = f"http://127.0.0.1:{flow.request.headers['x-port']}/routes/url/there?a=b"
        case "/routes/here":
            flow.response = http.Response.make(418, "täa", {"Content-Type": "text/plain; charset=utf-8", "X-Made": "here"})
        case "/routes/bytes":
            flow.response = http.Response.make(200, b"\x00\xff", [(b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2")])
        case "/routes/empty":
            flow.response = http.Response.make()
        case "/routes/kill":
            flow.kill()
        case "/routes/comment":
            flow.comment, flow.marked = "read me", ":red_circle:"


def response(flow: http.HTTPFlow) -> None:
    if flow.request.path == "/routes/here":
        flow.response.headers["X-After"] = "also of answers made here"
    if flow.request.path == "/routes/replaced":
        flow.response = http.Response.make(200, flow.response.content.upper(), flow.response.headers)


def error(flow: http.HTTPFlow) -> None:
    ctx.log.info(f"routes: {flow.request.path} ended: {'killed' in flow.error.msg}")
