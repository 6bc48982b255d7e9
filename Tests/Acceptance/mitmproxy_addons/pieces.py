"""Bodies that pass while they come: as they are, or through a function."""

from mitmproxy import http


def upper(data: bytes) -> bytes:
    return data.upper()


def framed(data: bytes) -> list[bytes]:
    """Several pieces for one, and a last one at the end, which is shown as no bytes."""
    return [b"<", data, b">"] if data else [b"end"]


def requestheaders(flow: http.HTTPFlow) -> None:
    if flow.request.path == "/pieces/request":
        flow.request.stream = upper
    elif flow.request.path.startswith("/pieces"):
        flow.request.stream = True


def responseheaders(flow: http.HTTPFlow) -> None:
    match flow.request.path:
        case "/pieces/response":
            flow.response.stream = upper
        case "/pieces/list":
            flow.response.stream = framed
        case "/pieces/as-it-is":
            flow.response.stream = True
            flow.response.headers["X-Streamed"] = "yes"
        case "/pieces/closure":
            size = 0

            def count(data: bytes) -> bytes:
                nonlocal size
                size += len(data)
                return data or b" %d" % size

            flow.response.stream = count
