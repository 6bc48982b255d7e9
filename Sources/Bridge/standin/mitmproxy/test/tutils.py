"""Messages for tests; keywords replace what they are made of."""

from typing import Any

from mitmproxy import dns, http

START = 946681200


def treq(**kwargs: Any) -> http.Request:
    members = {
        "host": "address",
        "port": 22,
        "method": b"GET",
        "scheme": b"http",
        "authority": b"",
        "path": b"/path",
        "http_version": b"HTTP/1.1",
        "headers": http.Headers(((b"header", b"qvalue"), (b"content-length", b"7"))),
        "content": b"content",
        "trailers": None,
        "timestamp_start": START,
        "timestamp_end": START + 1,
    }
    return http.Request(**{**members, **kwargs})  # type: ignore[arg-type]


def tresp(**kwargs: Any) -> http.Response:
    members = {
        "http_version": b"HTTP/1.1",
        "status_code": 200,
        "reason": b"OK",
        "headers": http.Headers(((b"header-response", b"svalue"), (b"content-length", b"7"))),
        "content": b"message",
        "trailers": None,
        "timestamp_start": START + 2,
        "timestamp_end": START + 3,
    }
    return http.Response(**{**members, **kwargs})  # type: ignore[arg-type]


def tdnsreq(**kwargs: Any) -> dns.Message:
    members = {
        "timestamp": START,
        "id": 42,
        "query": True,
        "op_code": dns.op_codes.QUERY,
        "authoritative_answer": False,
        "truncation": False,
        "recursion_desired": True,
        "recursion_available": False,
        "reserved": 0,
        "response_code": dns.response_codes.NOERROR,
        "questions": [dns.Question("dns.google", dns.types.A, dns.classes.IN)],
        "answers": [],
        "authorities": [],
        "additionals": [],
    }
    return dns.Message(**{**members, **kwargs})  # type: ignore[arg-type]


def tdnsresp(**kwargs: Any) -> dns.Message:
    records = [
        dns.ResourceRecord("dns.google", dns.types.A, dns.classes.IN, 32, data) for data in (b"\x08\x08\x08\x08", b"\x08\x08\x04\x04")
    ]
    answered = {"timestamp": START + 1, "query": False, "recursion_available": True, "answers": records}
    return tdnsreq(**{**answered, **kwargs})
