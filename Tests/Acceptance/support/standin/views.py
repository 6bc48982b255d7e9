"""Queries, forms, cookies, paths: views of a request or response, and the functions below them."""

import random

from flows import request, response
from mitmproxy.net.http import cookies, headers, multipart, url

KIND = "multipart/form-data; boundary=xyz"
FORM = b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--xyz\r\nContent-Disposition: form-data; name="b"\r\n\r\n2\r\n--xyz--\r\n'


def form(content=b"a=1&b=2&a=3", kind=b"application/x-www-form-urlencoded"):
    return request(method=b"POST", headers=((b"content-type", kind),), content=content)


def posted(content=FORM, kind=KIND.encode()):
    return form(content, kind)


def view(message, name, change=None):
    """The view, and the message's state after a change of it."""
    found = getattr(message, name)
    before = repr(found)
    result = change(found) if change else None
    return before, result, list(getattr(message, name).items(multi=True)), message.get_state()


def assigned(message, name, value):
    setattr(message, name, value)
    return repr(getattr(message, name)), message.get_state()


EXPRESSIONS = r"""
[view(request(path=p), "query") for p in (b"/", b"/?", b"/?a", b"/?a=", b"/?a=1&a=2&b", b"/?a%20b=%26", b"/?a=%ff", b"/?;=", b"/p;x?q=1#f", b"/?a=1&&b=2")]
view(request(), "query", lambda q: q.__setitem__("mitmproxy", "rocks")), view(request(), "query", lambda q: q.add("a", "c")), view(request(), "query", lambda q: q.clear())
view(request(path=b"/p;x?q=1#f"), "query", lambda q: q.set_all("q", ["x", "y"])), view(request(), "query", lambda q: q.insert(0, "z", "☃"))
view(request(), "query", lambda q: q.pop("nope", None)), view(request(), "query", lambda q: q.__delitem__("a")), view(request(), "query", lambda q: q.update({"x": "y"}))
assigned(request(), "query", [("x", "1"), ("x", "2")]), assigned(request(), "query", ()), assigned(request(), "query", {"a": "b"}.items())
view(request(method=b"CONNECT"), "query")
repr(request().query.copy()), request().query == request().query, request().query["a"], request().query.get("b"), dict(request().query)
view(form(), "urlencoded_form"), view(form(b""), "urlencoded_form"), view(form(b"\xff=\xfe"), "urlencoded_form"), view(form(b"a&b="), "urlencoded_form"), view(form(kind=b"text/plain"), "urlencoded_form"), view(form(kind=b"Application/X-WWW-form-urlencoded; charset=utf-8"), "urlencoded_form")
view(form(), "urlencoded_form", lambda f: f.__setitem__("mitmproxy", "rocks")), view(form(b"a&b"), "urlencoded_form", lambda f: f.add("c", "")), view(form(b"a=&b="), "urlencoded_form", lambda f: f.add("c", ""))
view(form(b"a=%20+%2B"), "urlencoded_form", lambda f: f.add("x y", "+&=☃")), view(form(), "urlencoded_form", lambda f: f.clear())
assigned(request(), "urlencoded_form", [("foo", "bar")]), assigned(request(content=None), "urlencoded_form", [("foo", "bar")]), assigned(request(content=b""), "urlencoded_form", ())
bool(form().urlencoded_form), bool(request().urlencoded_form)
view(posted(), "multipart_form"), view(posted(b""), "multipart_form"), view(posted(b"junk"), "multipart_form"), view(posted(kind=b"text/plain"), "multipart_form"), view(posted(kind=b"multipart/form-data"), "multipart_form")
view(posted(), "multipart_form", lambda f: f.__setitem__(b"a", b"new")), view(posted(), "multipart_form", lambda f: f.__delitem__(b"a")), view(posted(), "multipart_form", lambda f: f.set_all(b"a", [b"x\r\ny"]))
view(posted(), "multipart_form", lambda f: f.__setitem__("a", "new"))
assigned(posted(), "multipart_form", [(b"q", b"r")]), assigned(posted(kind=b"multipart/form-data; boundary=other"), "multipart_form", [(b"q", b"r")])
[view(request(headers=((b"cookie", c),)), "cookies") for c in (b"", b"a", b"a=b", b"a=b; c=d", b"a=b;c=d;", b'a="b; c"; d=e', b"a=b=c", b" a = b ", b"=x", b";;a=b", b'a="x\\"y"', b"a=b, c=d", b"\xff=\xfe", b'a="unclosed', b'a="b"c; d=e')]
view(request(headers=((b"cookie", b"a=b"), (b"Cookie", b"c=d"))), "cookies"), view(request(), "cookies")
view(request(headers=((b"cookie", b"a=b"), (b"Cookie", b"c=d"))), "cookies", lambda c: c.__setitem__("a", "x y")), view(request(), "cookies", lambda c: c.add("n", 'q"\\')), view(request(headers=((b"cookie", b"a=b"),)), "cookies", lambda c: c.clear())
assigned(request(), "cookies", [("a", "b"), ("c", "d")]), assigned(request(), "cookies", ())
[view(response(headers=((b"set-cookie", c),)), "cookies") for c in (b"", b"a", b"a=b", b"a=b; Path=/; Secure", b"a=b; Expires=Wed, 09 Jun 2021 10:18:14 GMT; HttpOnly", b"a=b, c=d; path=/x", b'a="b; c"; Path="/"', b"a=; Max-Age=5", b"=b", b"a=b; secure; SECURE=x", b",", b";", b"a=b;;path=/")]
view(response(headers=((b"set-cookie", b"a=b"), (b"set-cookie", b"c=d; path=/"))), "cookies")
view(response(headers=((b"set-cookie", b"a=b"), (b"set-cookie", b"c=d; path=/"))), "cookies", lambda c: c.__setitem__("x", ("1", c["c"][1]))), view(response(headers=((b"set-cookie", b"a=b"),)), "cookies", lambda c: c.clear())
assigned(response(), "cookies", [("a", ("b", cookies.CookieAttrs([("Path", "/"), ("Secure", None), ("Expires", "x, y")])))])
[view(request(path=p), "path_components") if False else request(path=p).path_components for p in (b"/", b"", b"/a/b", b"//a//b/", b"/a%20b/%2F", b"/a?b/c", b"/a;x/b", b"/\xff", b"*")]
[assigned(request(path=p), "path_components", c) for p in (b"/", b"/a?b=c#d", b"/a;x?y") for c in (["x", "y z", "/"], [], ["☃"])]
[(lambda r: (r.refresh(1e9), r.get_state()))(response(headers=h)) for h in (((b"date", b"Sat, 01 Jan 2000 00:00:00 GMT"),), ((b"Expires", b"-1"), (b"last-modified", b"Sat, 01 Jan 2000 00:00:00 GMT")), ((b"set-cookie", b"a=b; Expires=Sat, 01 Jan 2000 00:00:00 GMT"), (b"set-cookie", b"c"), (b"set-cookie", b"d=e; expires=0")), ())]
(lambda r: (r.refresh(), r.get_state()))(response(headers=((b"date", b"Sat, 01 Jan 2000 00:00:00 GMT"),)))
[cookies.parse_cookie_header(c) for c in ("", "a=b;c", "a;b=c", 'a="b";c=d', "a=b ;c = d", 'a="b\\\\";c', 'a="";b', "  ", ";")]
cookies.parse_cookie_headers(["a=b", "c=d;e"]), cookies.format_cookie_header([("a", "b"), ("c", "d e"), ("e", ""), ("f", "x;y"), ("g", "é")])
[cookies.parse_set_cookie_header(c) for c in ("", "a", "a=b; Expires=Wed, 09 Jun 2021 10:18:14 GMT, c=d", 'a="x,y", b=c', "a=b; Domain=.x.org; path=/a,b", "a=b; expires=x; c", "one=uno; foo, two=due")]
[cookies.format_set_cookie_header(cookies.parse_set_cookie_header(c)) for c in ("a=b; Path=/x y; Expires=Wed, 09 Jun 2021 10:18:14 GMT; Secure", 'a="x y"; z="q"', "a=b, c=d; secure", "a")]
cookies.parse_set_cookie_headers(["a=b", "c=d; path=/"]), cookies.parse_set_cookie_headers([])
[cookies.refresh_set_cookie_header(c, 60) for c in ("a=b", "a=b; Expires=Wed, 09 Jun 2021 10:18:14 GMT; Path=/", "a=b; expires=nope", "rfoo=bar; Domain=reddit.com; expires=Thu, 31 Dec 2037 23:59:59 GMT; Path=/")]
cookies.refresh_set_cookie_header("", 60)
cookies.refresh_set_cookie_header("=b", 60)
cookies.refresh_set_cookie_header("a=b, c=d; Expires=Wed, 09 Jun 2021 10:18:14 GMT", 60)
cookies.refresh_set_cookie_header("a=b; expires=xx, c=d", 60)
cookies.refresh_set_cookie_header("a", 60)
cookies.refresh_set_cookie_header("a=", 60)
[cookies.get_expiration_ts(cookies.CookieAttrs(a)) for a in ([], [("expires", "Thu, 24-Aug-2063 00:00:00 GMT")], [("Expires", "x")], [("max-age", "5")], [("Max-Age", "x")], [("max-age", "5"), ("expires", "Thu, 24-Aug-2063 00:00:00 GMT")], [("max-age", "0")])]
[cookies.is_expired(cookies.CookieAttrs(a)) for a in ([], [("expires", "Thu, 24-Aug-1993 00:00:00 GMT")], [("Expires", "x")], [("max-age", "5")], [("Max-Age", "0")], [("max-age", "-5")])]
cookies.group_cookies([("a", "b"), ("path", "/"), ("c", "d"), ("expires", "x"), ("secure", None)]), cookies.group_cookies([])
cookies.CookieAttrs([("Path", "/"), ("path", "/b")])["PATH"], cookies.CookieAttrs([("a", None)])
[url.parse(u) for u in ("http://a", "https://a:5/b?c#d", "http://[::1]/", b"http://a/", "http://a/ b", "http://u:p@a/", "HTTP://A/", "http://a/%20?x=[]", "ws://a:5/", "http://a/;p", "http://a.:80")]
url.parse("nope")
url.parse("http://☃.com/")
url.parse("http://a/☃")
url.parse("http:///x")
url.parse("ftp://a/")
url.parse("http://a:99999/")
url.parse("http://a:b/")
url.parse("http://a b/")
url.parse(b"http://\xff/")
url.parse("http://[::1/")
url.parse("http://" + "a" * 64 + "/")
url.unparse("http", "a", 80, "/x"), url.unparse("http", "a", 81, "/x"), url.unparse("https", "::1", 443, "*"), url.unparse("foo", "a", 5)
url.encode([("a", "b"), ("c", "")]), url.encode([("a", "")], "x"), url.encode([("a", "")], "x="), url.encode([("a", "☃ +")]), url.encode([]), url.encode([("a", ""), ("b", "c")], "x&y=1"), url.encode([("a", "b")], "")
url.decode("a=b&c&d=%20+"), url.decode(""), url.decode("a=\udcff"), url.decode("=&=")
url.quote("/☃ a"), url.quote("/a", ""), url.unquote("%2f%e2%98%83%ff"), url.quote("\udcff")
url.hostport("http", "a", 80), url.hostport("https", "a", 80), url.hostport(b"http", b"a", 81), url.hostport("x", "::1", 5)
url.default_port("http"), url.default_port(b"https"), url.default_port("x"), url.default_port("wss")
[url.parse_authority(a, check=False) for a in ("a", "a:5", "[::1]:5", "::1", "", "a:b", b"a:5", b"\xff:5", "a b:5", "xn--n3h.com", b"xn--n3h.com:1", "☃:5", "a:99999", "[::1]", "a:")]
url.parse_authority("a:99999", check=True)
url.parse_authority("", check=True)
url.parse_authority(b"\xff", check=True)
url.parse_authority("[::1]:5", check=True), url.parse_authority(b"a", check=True)
multipart.encode_multipart(KIND, [(b"a", b"b"), (b"f.png", b"x\r\ny"), (b"", b"skipped"), (b"n", b"")])
multipart.encode_multipart("multipart/form-data", [(b"a", b"b")]), multipart.encode_multipart(KIND, []), multipart.encode_multipart('multipart/form-data; boundary="a b"', [(b"a", b"b")])
multipart.encode_multipart(KIND, [(b"a", b"--xyz")])
multipart.encode_multipart(KIND, [(b"a", b"q\n--xyz")]), multipart.encode_multipart(KIND, [(b"a", b"--xyz\n")])
multipart.encode_multipart(KIND, [("a", "b")])
[multipart.decode_multipart(k, c) for k, c in ((KIND, FORM), (KIND, b""), (KIND, None), (None, b"x"), ("text", b"x"), ("multipart/form-data", b"x"))]
multipart.decode_multipart(KIND, b'--xyz\nContent-Disposition: form-data; name="a"; filename="f"\nContent-Type: x/y\n\nhello\nworld\n\n--xyz--\n')
multipart.decode_multipart(KIND, b'--xyz\r\nX: y\r\nContent-Disposition: form-data; name="a"\r\n\r\nhello\r\n--xyz--')
multipart.decode_multipart(KIND, b'--xyz\r\nContent-Disposition: form-data; name="a"\r\nnothing more\r\n--xyz--')
multipart.decode_multipart("multipart/form-data; boundary=é", b"x")
[c and (*c[:2], dict(c[2])) for c in map(headers.parse_content_type, ("text/html; charset=UTF-8; q", "text", "TEXT/Html;charset=\"x\";a = b ", "", "a/b/c", "/", "a/b;", "a/b; =c; d=e=f", "a/ b ;c=d"))]
headers.assemble_content_type("text", "html", {"a": "b", "c": "d"}), headers.assemble_content_type("a", "b", {}), headers.assemble_content_type("a", "b", None)
[headers.infer_content_encoding(k, c) for k in ("", "text/html", "text/css", "application/json", "text/html; charset=utf16", "text/html; charset=GB2312", "application/xml", "image/svg+xml", "text/html; charset=", "application/xhtml+xml") for c in (b"", b'<meta charset="gb2312">', b"<META http-equiv=x content='text/html; charset=foo'>", b'@charset "x";', b' @charset "x";', b'<?xml version="1.0" encoding="koi8-r"?>', b"\xef\xbb\xbfa", b"<meta charset=\xff>")]
"""


def random_cookie(seed):
    pick = random.Random(seed)
    text = "".join(pick.choice(['a', 'b', '=', ';', ' ', ',', '"', "\\", 'expires', 'path=/', '; ']) for _ in range(12))
    parsed = cookies.parse_set_cookie_header(text)
    return text, cookies.parse_cookie_header(text), parsed, cookies.format_set_cookie_header(parsed)


def random_url(seed):
    pick = random.Random(seed)
    text = "http://a" + "".join(pick.choice(["/", "?", "#", ";", "a", "=", "&", "%20", "%", " ", ":5", "ä", "[", "'"]) for _ in range(8))
    made = request()
    made.url = text
    made.query = [*made.query.fields, ("n", "v")]
    return text, made.get_state(), made.path_components, made.pretty_url


def cases():
    for seed in range(80):
        yield f"random cookie {seed}", lambda seed=seed: random_cookie(seed)
    for seed in range(60):
        yield f"random URL {seed}", lambda seed=seed: random_url(seed)
