"""HTTP/1 as text."""

from flows import request, response

from mitmproxy.http import Headers
from mitmproxy.net.http import http1


def state(message):
    return message.get_state()


EXPRESSIONS = r"""
http1.assemble_request(request()), http1.assemble_request_head(request()), http1.assemble_response(response()), http1.assemble_response_head(response())
http1.assemble_request(request(content=None))
http1.assemble_response(response(content=None))
http1.assemble_request(request(method=b"CONNECT", authority=b"a:1", path=b"")), http1.assemble_request(request(authority=b"a:81"))
http1.assemble_request(request(headers=((b"transfer-encoding", b"chunked"),))), http1.assemble_request(request(headers=((b"transfer-encoding", b"chunked"),), trailers=((b"a", b"b"),)))
http1.assemble_response(response(headers=((b"Transfer-Encoding", b"Chunked"),), content=b"")), http1.assemble_response(response(version=b"HTTP/2.0", reason=b""))
http1.assemble_request_head(request(version=b"HTTP/2.0", authority=b"a"))
list(http1.assemble_body(Headers(), [b"a", b"b"], None)), list(http1.assemble_body(Headers(transfer_encoding="chunked"), [b"a", b"", b"bcdefghijklmnopqr"], Headers(x="y")))
list(http1.assemble_body(Headers(), [b"a"], Headers(x="y")))
state(http1.read_request_head([b"GET / HTTP/1.1", b"Host: a", b"X: y", b" z", b"E:"]))
state(http1.read_request_head([b"CONNECT a:1 HTTP/1.1"])), state(http1.read_request_head([b"GET http://a:1/x?y HTTP/1.0", b"a:b"])), state(http1.read_request_head([b"OPTIONS * HTTP/1.1"])), state(http1.read_request_head([b"get http://A/ HTTP/2.0"]))
http1.read_request_head([b"GET /"])
http1.read_request_head([b"GET / HTTP/x"])
http1.read_request_head([b"CONNECT a HTTP/1.1"])
http1.read_request_head([b"GET nope HTTP/1.1"])
http1.read_request_head([b"GET / HTTP/1.1", b"nope"])
http1.read_request_head([b"GET / HTTP/1.1", b": x"])
http1.read_request_head([b"GET / HTTP/1.1", b" x: y"])
http1.read_request_head([b"GET  / HTTP/1.1"])
http1.read_request_head([b"GET http:///x HTTP/1.1"])
state(http1.read_response_head([b"HTTP/1.1 200 OK", b"A: b"])), state(http1.read_response_head([b"HTTP/1.1 404"])), state(http1.read_response_head([b"HTTP/1.0 200 Not so OK "]))
http1.read_response_head([b"HTTP/1.1 x"])
http1.read_response_head([b"HTTP/1.1"])
http1.read_response_head([b"nope 200 OK"])
http1.read_response_head([b"HTTP/1.1 200 OK", b"Ab"])
[http1.connection_close(v, h) for v in ("HTTP/1.0", "HTTP/1.1", "HTTP/2.0") for h in (Headers(), Headers(connection="close"), Headers(connection="Keep-Alive, x"), Headers(connection="x"))]
[http1.expected_http_body_size(request(headers=h, method=m)) for m in (b"GET", b"CONNECT") for h in (((b"content-length", b"5"),), ((b"transfer-encoding", b"chunked"),), ((b"a", b"b"),), ((b"transfer-encoding", b"gzip, chunked"),))]
[http1.expected_http_body_size(request(method=m), response(s, headers=h)) for m in (b"GET", b"HEAD", b"CONNECT") for s in (100, 200, 204, 304, 404) for h in (((b"content-length", b"5"),), ((b"transfer-encoding", b"chunked"),), ((b"a", b"b"),))]
http1.expected_http_body_size(request(headers=((b"content-length", b"x"),)))
http1.expected_http_body_size(request(headers=((b"content-length", b"-1"),)))
http1.expected_http_body_size(request(headers=((b"content-length", b"5"), (b"content-length", b"6"))))
http1.expected_http_body_size(request(headers=((b"content-length", b"5"), (b"content-length", b"5"))))
http1.expected_http_body_size(request(headers=((b"content-length", b"5"), (b"transfer-encoding", b"chunked"))))
http1.expected_http_body_size(request(headers=((b"transfer-encoding", b"gzip"),)))
"""
