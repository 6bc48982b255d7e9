"""Kinds of DNS messages (IANA)."""

from mitmproxy.net.dns import _numbers

QUERY = 0
IQUERY = 1
STATUS = 2
NOTIFY = 4
UPDATE = 5
DSO = 6

to_str = _numbers.names(globals(), "OPCODE")
