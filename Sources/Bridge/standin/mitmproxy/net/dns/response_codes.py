"""Outcomes of DNS queries (IANA)."""

from mitmproxy.net.dns import _numbers

NOERROR = 0
FORMERR = 1
SERVFAIL = 2
NXDOMAIN = 3
NOTIMP = 4
REFUSED = 5
YXDOMAIN = 6
YXRRSET = 7
NXRRSET = 8
NOTAUTH = 9
NOTZONE = 10
DSOTYPENI = 11

to_str = _numbers.names(globals(), "RCODE")

_HTTP = {
    NOERROR: 200,
    FORMERR: 400,
    SERVFAIL: 500,
    NXDOMAIN: 404,
    NOTIMP: 501,
    REFUSED: 403,
    YXDOMAIN: 409,
    YXRRSET: 409,
    NXRRSET: 410,
    NOTAUTH: 401,
    NOTZONE: 404,
    DSOTYPENI: 501,
}


def http_equiv_status_code(response_code: int) -> int:
    """The HTTP status that means the same."""
    return _HTTP.get(response_code, 500)
