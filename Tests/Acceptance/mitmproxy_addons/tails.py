"""Trailers: read, changed and added."""

from mitmproxy import http
from mitmproxy.http import Headers


def request(flow: http.HTTPFlow) -> None:
    if flow.request.path == "/tails/added":
        flow.request.trailers = Headers([(b"x-up", b"1")])


def response(flow: http.HTTPFlow) -> None:
    answer = flow.response
    if not flow.request.path.startswith("/tails"):
        return
    answer.headers["x-tails"] = str(answer.trailers and list(answer.trailers.items(multi=True)))
    if answer.trailers:
        answer.trailers["x-sum"] = "changed"
    elif flow.request.path == "/tails/added":
        answer.trailers = Headers(x_down="2")
