"""HTTP/1 messages as text."""

from collections.abc import Iterable, Iterator

from mitmproxy.http import Headers, Request, Response


def assemble_request(request: Request) -> bytes:
    """ValueError if its body was not kept."""
    if request.data.content is None:
        raise ValueError("Cannot assemble flow with missing content")
    return assemble_request_head(request) + b"".join(assemble_body(request.headers, [request.data.content], request.trailers))


def assemble_request_head(request: Request) -> bytes:
    data = request.data
    target = {"authority": data.authority, "relative": data.path, "absolute": data.scheme + b"://" + data.authority + data.path}
    line = b"%b %b %b" % (data.method, target[request.first_line_format], data.http_version)
    return b"%b\r\n%b\r\n" % (line, bytes(data.headers))


def assemble_response(response: Response) -> bytes:
    """ValueError if its body was not kept."""
    if response.data.content is None:
        raise ValueError("Cannot assemble flow with missing content")
    return assemble_response_head(response) + b"".join(assemble_body(response.headers, [response.data.content], response.trailers))


def assemble_response_head(response: Response) -> bytes:
    data = response.data
    return b"%b %d %b\r\n%b\r\n" % (data.http_version, data.status_code, data.reason, bytes(data.headers))


def assemble_body(headers: Headers, body_chunks: Iterable[bytes], trailers: Headers | None) -> Iterator[bytes]:
    """Chunked if the headers say so. ValueError for trailers without chunks."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        for chunk in body_chunks:
            if chunk:
                yield b"%x\r\n%b\r\n" % (len(chunk), chunk)
        yield b"0\r\n%b\r\n" % (bytes(trailers) if trailers else b"")
        return
    if trailers:
        raise ValueError("Sending HTTP/1.1 trailer headers requires transfer-encoding: chunked")
    yield from (chunk for chunk in body_chunks if chunk)
