"""Headers as the ordered dictionary of several values that they are, cookies, and the start lines."""

from mitmproxy import http
from mitmproxy.http import Headers
from mitmproxy.net.http.cookies import CookieAttrs


def request(flow: http.HTTPFlow) -> None:
    if not flow.request.path.startswith("/heads"):
        return
    headers = flow.request.headers
    flow.metadata["heads"] = len(headers)
    headers["X-SET"] = "replaced, with the case of the key that was there"
    headers.add("X-Many", "third")
    headers.insert(1, "X-Second", "inserted")
    headers.set_all("X-Both", ["a", "b"])
    del headers["x-gone"]
    headers["X-Seen"] = f"{headers.get_all('x-many')} {headers['x-many']} {'X-GONE' in headers} {headers.get('none', 'none')}"
    headers["X-Keys"] = ",".join(key.lower() for key in headers.keys() if key.lower() != "host")
    headers["X-Pairs"] = str([value for key, value in headers.items(multi=True) if key.lower() == "x-both"])
    flow.request.cookies["made"] = "here"
    headers["X-Cookies"] = str(sorted(flow.request.cookies.items()))
    flow.request.method = "PUT"
    assert isinstance(headers, Headers) and bytes(headers).endswith(b"\r\n")


def response(flow: http.HTTPFlow) -> None:
    if not flow.request.path.startswith("/heads"):
        return
    answer = flow.response
    value, attributes = answer.cookies["first"]
    answer.headers["X-Cookie"] = f"{value} {sorted(attributes.items())}"
    answer.cookies["late"] = ("3", CookieAttrs([("path", "/late"), ("HttpOnly", None)]))
    answer.headers["X-Kept"] = str(flow.metadata)
    answer.headers.pop("X-Server", None)
    answer.headers[b"X-Bytes"] = b"\xe9\xff"
    answer.status_code, answer.reason = 203, "Changed here"
