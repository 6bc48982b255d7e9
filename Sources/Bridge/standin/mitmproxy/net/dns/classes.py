"""Classes of resource records (IANA)."""

from mitmproxy.net.dns import _numbers

IN = 1
CH = 3
HS = 4
NONE = 254
ANY = 255

to_str = _numbers.names(globals(), "CLASS")
