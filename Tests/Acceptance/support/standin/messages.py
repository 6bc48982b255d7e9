"""Requests and responses: body, text, codings, and where they go."""

import random

from flows import request, response
from mitmproxy import http
from mitmproxy.http import Headers, Request, Response


def after(message, **members):
    """The state after setting attributes, one after the other; an error is part of the result."""
    results = []
    for name, value in members.items():
        try:
            setattr(message, name.rstrip("_"), value)
        except Exception as error:
            results.append(type(error).__name__)
    return results, message.get_state()


def called(message, name, *arguments, **keywords):
    results = getattr(message, name)(*arguments, **keywords)
    return results, message.get_state()


def coded(coding, content, kind=b"text/html", **more):
    headers = ((b"content-encoding", coding), (b"content-type", kind)) if coding else ((b"content-type", kind),)
    return response(headers=headers, content=content, **more)


TEXTS = ["", "plain", "äöü", "snow ☃", "\udcff", "\U0001f600", '<meta charset="utf-8">ä', "a" * 300]
KINDS = ["", "text/html", "text/html; charset=utf-8", "text/plain; charset=latin-1", "application/json", "text/css; charset=utf-16", "x; charset=nope"]
CODINGS = ["", "gzip", "deflate", "identity", "nope", "GZIP", "utf8"]


EXPRESSIONS = r"""
Request.make("get", "http://a/").get_state()
Request.make("GET", "https://a:8443/b?c=d#e", b"x", {"A": "b"}).get_state()
Request.make("POST", "http://a/", "☃", {"content-type": "text/plain; charset=utf-8"}).get_state()
Request.make("POST", "http://a/", "☃", {b"content-type": b"text/plain"}).get_state()
Request.make("POST", "http://a/", "☃").get_state()
Request.make("GET", "http://a/", 5)
Request.make("GET", "http://a/", b"", 5)
Request.make("GET", "http://a/", b"", [(b"a", b"b")]).get_state()
Request.make("GET", "http://a/", b"", Headers(a="b")).get_state()
Request.make("GET", "/a")
Request.make("GET", "http://a b/")
Response.make().get_state()
Response.make(200, "x").get_state()
Response.make(418, b"x", {"a": "b", "c": b"d"}).get_state()
Response.make(999).get_state()
Response.make(200, 5)
Response.make("200")
Response.make(200, b"", 5)
Response.make(200, b"", {"content-encoding": "gzip"}).get_state()
Response.make(200, b"x", [(b"transfer-encoding", b"chunked")]).get_state()
repr(request()), repr(response()), repr(response(content=None)), repr(response(headers=()))
repr(request(authority=b"a:1", method=b"CONNECT", path=b"")), repr(request(host="", port=0)), repr(request(path=b"*", method=b"OPTIONS"))
request() == request(), request() == request(path=b"/x"), response() == response(), request() == response()
hash(request()) is None
request().copy().get_state()
request(headers=[(b"a", b"b")]).headers, request(headers=((b"a", b"b"),)).headers, request(trailers=((b"a", b"b"),)).trailers
http.Request("h", 1, "GET", "http", "", "/", "HTTP/1.1", (), "text", None, 0, 0)
http.Request(b"xn--n3h.com", 1, "GET", "http", "", "/", "HTTP/1.1", (), b"", None, 0, 0).get_state()
http.Request("h", "1", "GET", "http", "", "/", "HTTP/1.1", (), b"", None, 0, 0)
http.Request("h", 1, "GÉT", "http", "", "/", "HTTP/1.1", (), b"", None, 0, 0)
http.Request("h", 1, "GET", "http", "", "/", "HTTP/1.1", (("a", "b"),), b"", None, 0, 0)
http.Request("h", 1, "GET", "http", "", "/", "HTTP/1.1", (), b"", None, None, 0)
http.Response("HTTP/1.1", "200", "OK", (), b"", None, 0, 0)
http.Response("HTTP/1.1", 200, "OK", (), "x", None, 0, 0)
http.Response("HTTP/1.1", 200, "OK", (), b"", None, None, 0)
http.Response("HTTP/1.1", 200, "☃", (), b"", None, 0, 0)
http.Request.from_state({"host": "a"})
http.Request.from_state({**request().get_state(), "extra": 1})
http.Request.from_state(request().get_state()).get_state()
http.Response.from_state({**response().get_state(), "content": "x"})
http.Response.from_state({**response().get_state(), "port": 5})
http.Response.from_state({**response().get_state(), "trailers": ((b"a", b"b"),)}).trailers
called(request(), "set_state", {"path": b"/other", "headers": [[b"a", b"b"]], "trailers": None})
after(request(), host="other.org"), after(request(), host=b"other.org"), after(request(), host="☃.com"), after(request(), host=5)
after(request(), port=8080), after(request(), port="8"), after(request(), port=8.0), after(request(), port=443, scheme="https")
after(request(headers=((b"a", b"b"),)), host="other.org")
after(request(authority=b"example.com:80"), host="other.org", port=81)
after(request(version=b"HTTP/2.0", authority=b"example.com", headers=((b"a", b"b"),)), host="other.org")
after(request(version=b"HTTP/2.0", authority=b"example.com"), host_header="x:5"), after(request(version=b"HTTP/3", authority=b"a"), host_header=None)
after(request(), host_header="x"), after(request(), host_header=None), after(request(), host_header=b"x"), after(request(headers=((b"a", b"b"),)), host_header="x")
request().host_header, request(headers=((b"a", b"b"),)).host_header, request(version=b"HTTP/2.0", authority=b"z").host_header, request(version=b"HTTP/2.0").host_header
after(request(), authority="☃.com:5"), after(request(), authority=b"x\xff"), request(authority=b"x\xff").authority, request(authority=b"xn--n3h.com").authority
after(request(), authority="a" * 70 + ".com"), after(request(), authority="")
after(request(), method="post"), after(request(), method=b"x\xff"), request(method=b"get").method, after(request(), method="é")
after(request(), scheme="https"), after(request(), scheme=b"https"), after(request(), path="/☃"), after(request(), path=b"/\xff"), after(request(), path=None)
after(request(), http_version="HTTP/2.0"), after(request(), http_version=b"HTTP/3")
[(m.is_http10, m.is_http11, m.is_http2, m.is_http3) for m in (request(version=v) for v in (b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0", b"HTTP/2", b"HTTP/3", b"HTTP/3.0"))]
[m.first_line_format for m in (request(), request(authority=b"a"), request(method=b"CONNECT"), request(method=b"connect"))]
[m.url for m in (request(), request(method=b"CONNECT"), request(path=b"*"), request(scheme=b"https", port=443), request(port=81), request(host="::1"), request(path=b"/\xff"))]
[m.pretty_url for m in (request(), request(method=b"CONNECT", authority=b"q:1"), request(path=b"*"), request(scheme=b"https", port=443), request(port=81), request(host="::1"))]
[m.pretty_url for h in (b"a", b"a:5", b"[::1]:5", b"::1", b"a:99999", b"", b"\xff", b"a b", b"xn--n3h.com") for m in [request(headers=((b"host", h),))]]
[m.pretty_host for h in (b"a", b"a:5", b"[::1]:5", b"::1", b"a:99999", b"", b"\xff", b"a b", b"xn--n3h.com") for m in [request(headers=((b"host", h),))]]
[m.pretty_url for m in (request(scheme=b"ftp"), request(scheme=b""), request(scheme=b"wss", port=5, headers=((b"host", b"h"),)))]
after(request(), url="https://other.org:8443/x?y=z"), after(request(), url=b"http://q/"), after(request(), url="http://[::1]:5/"), after(request(), url="nope"), after(request(), url="http://a")
after(request(method=b"CONNECT"), url="https://other.org/")
after(request(), content=b"new"), after(request(), content="x"), after(request(), content=None), after(request(), raw_content=b"new"), after(request(), raw_content=None)
after(coded(b"gzip", b""), content=b"new"), after(coded(b"deflate", b""), content=b"new"), after(coded(b"nope", b""), content=b"new"), after(coded(b"identity", b""), content=b"new"), after(coded(b"utf8", b""), content=b"new")
after(response(headers=((b"transfer-encoding", b"chunked"), (b"content-length", b"5"))), content=b"new")
[m.content for m in (coded(b"gzip", b""), coded(b"none", b"x"), coded(b"identity", b"x"), coded(b"GZIP", b""), response(content=None))]
coded(b"gzip", b"x").content, 5
coded(b"gzip", b"x").get_content(strict=False), coded(b"utf8", b"x").get_content(strict=False), coded(b"nope", b"x").get_content(strict=False)
coded(b"utf8", b"x").content
coded(b"nope", b"x").content
coded(b"hex", b"6162").content
[coded(None, c, k).text for c, k in ((b"\xe4", b"text/html"), ("ä".encode(), b"text/html; charset=utf-8"), ("ä".encode("utf-16"), b"text/html; charset=utf-16"), (b"\xe4", b""), ("ä".encode(), b"application/json"), (b"\xb0\xa1", b"text/html; charset=gb2312"))]
coded(None, b"\xe4", b"application/json").text
coded(None, b"\xe4", b"application/json").get_text(strict=False)
coded(None, b"x", b"text/html; charset=nope").text
coded(None, b"x", b"text/html; charset=nope").get_text(strict=False)
coded(b"gzip", b"x").get_text(strict=False), response(content=None).text
after(coded(None, b""), text="ä"), after(coded(None, b""), text="☃"), after(coded(None, b"", b""), text="☃"), after(coded(None, b"", b"text/html; charset=nope"), text="☃"), after(response(headers=()), text="☃"), after(response(), text=None)
after(coded(None, b"", b"application/json"), text="\udcff☃"), after(coded(b"gzip", b"", b"text/html; charset=utf-8"), text="hello")
after(coded(None, b""), text=b"bytes")
called(coded(b"gzip", Response.make(200, b"hello", {"content-encoding": "gzip"}).raw_content), "decode"), called(coded(None, b"x"), "decode"), called(response(content=None), "decode")
called(coded(b"gzip", b"broken"), "decode")
called(coded(b"gzip", b"broken"), "decode", strict=False)
[called(response(), "encode", coding) for coding in ("gzip", "deflate", "identity", "none")]
called(response(), "encode", "nope")
called(response(content=None), "encode", "gzip")
[called(response(), "encode", coding)[1]["headers"] and (lambda m: (m.encode(coding), m.content, m.decode(), m.get_state()))(response()) for coding in ("br", "zstd")]
response(content=b'{"a": [1, 2]}').json(), response(content=b'{"a": 1.5}').json(parse_float=str)
response(content=b"nope").json()
response(content=None).json()
response(content=b"\xff\xfe[\x001\x00]\x00").json()
response().reason, response(reason=b"\xe4").reason, after(response(), reason="ä"), after(response(), reason=b"x"), after(response(), reason="☃")
after(response(), status_code=404), after(response(), status_code="404"), after(response(), timestamp_start=5, timestamp_end=None)
called(request(headers=((b"if-modified-since", b"x"), (b"If-None-Match", b"y"), (b"a", b"b"))), "anticache")
called(request(), "anticomp"), called(request(headers=((b"accept-encoding", b"br"),)), "anticomp")
[(lambda m: (m.constrain_encoding(), sorted(m.headers["accept-encoding"].split(", "))))(request(headers=((b"accept-encoding", a),))) for a in (b"gzip, br, foo", b"*", b"", b"gzip;q=0, deflate", b"zstd,compress", b"x-gzip", b"identity, gzip")]
called(request(), "constrain_encoding")
request().stream, after(request(), stream=True)[0], request().copy().stream
response().headers.copy() == response().headers, response().copy() == response()
after(request(), headers=Headers(x="y"), trailers=Headers(z="q"))
request().timestamp_start, request().timestamp_end, request().data
"""


def operate(seed):
    """Random changes of where a request goes, and all that it then says of that."""
    pick = random.Random(seed)
    headers = pick.choice([((b"host", b"first:1"),), ((b"a", b"b"),)])
    made = request(
        version=pick.choice([b"HTTP/1.1", b"HTTP/2.0", b"HTTP/3"]),
        authority=pick.choice([b"", b"first:1"]),
        method=pick.choice([b"GET", b"CONNECT", b"OPTIONS"]),
        headers=headers,
    )
    changes = {
        "host": ["a.org", "::1", "☃.com", "1.2.3.4"],
        "port": [80, 443, 5],
        "scheme": ["http", "https"],
        "authority": ["", "x:1", "y"],
        "host_header": [None, "h", "h:5", "[::1]:80"],
        "path": ["/", "/a?b=c", "*", "/x;p?q#f"],
        "url": ["http://u.org/", "https://u.org:99/p?q"],
    }
    shown = []
    for _ in range(5):
        name = pick.choice(list(changes))
        value = pick.choice(changes[name])
        setattr(made, name, value)
        shown.append((name, value, made.url, made.pretty_url, made.pretty_host, made.host_header, made.first_line_format, made.get_state()))
    return shown


def rewrite(seed):
    """Random changes of a body: as text, as bytes, coded, decoded."""
    pick = random.Random(seed)
    made = coded(pick.choice(CODINGS).encode(), b"", pick.choice(KINDS).encode())
    shown = []
    for _ in range(6):
        operation = pick.choice(["text", "content", "raw_content", "encode", "decode", "type", "coding", "chunked"])
        try:
            if operation == "text":
                made.text = pick.choice(TEXTS)
            elif operation in ("content", "raw_content"):
                setattr(made, operation, pick.choice(TEXTS).encode("utf8", "surrogateescape"))
            elif operation == "encode":
                made.encode(pick.choice(CODINGS[1:]))
            elif operation == "decode":
                made.decode(strict=pick.random() < 0.5)
            elif operation == "type":
                made.headers["content-type"] = pick.choice(KINDS)
            elif operation == "coding":
                made.headers["content-encoding"] = pick.choice(CODINGS)
            else:
                made.headers["transfer-encoding"] = "chunked"
            shown.append((operation, made.get_state(), made.get_text(strict=False), made.get_content(strict=False), made.text))
        except Exception as error:
            shown.append((operation, type(error).__name__, made.get_state()))
    return shown


def cases():
    for seed in range(100):
        yield f"random bodies {seed}", lambda seed=seed: rewrite(seed)
    for seed in range(60):
        yield f"random changes {seed}", lambda seed=seed: operate(seed)
