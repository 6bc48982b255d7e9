"""The options that mitmproxy has without any addon; most are the proxy's own, and have no effect here."""

from collections.abc import Sequence
from typing import Optional

from mitmproxy import optmanager

CONF_DIR = "~/.mitmproxy"
CONF_BASENAME = "mitmproxy"
CONTENT_VIEW_LINES_CUTOFF = 512
KEY_SIZE = 2048

_TEXTS = Sequence[str]
# Name, type, default, what it is for.
_TABLE = [
    ("add_upstream_certs_to_client_chain", bool, False, "Clients get the server's certificates too."),
    ("allow_hosts", _TEXTS, [], "Hosts that are intercepted; all others are passed on."),
    ("cert_passphrase", Optional[str], None, "Passphrase of the private key of `certs`."),
    ("certs", _TEXTS, [], "Certificates of one's own, as DOMAIN=PATH."),
    ("client_certs", Optional[str], None, "A certificate for servers, or a folder of them."),
    ("confdir", str, CONF_DIR, "Where certificates and settings are."),
    ("content_view_lines_cutoff", int, CONTENT_VIEW_LINES_CUTOFF, "Lines of a view that are shown at first."),
    ("http2", bool, True, "Whether HTTP/2 is spoken."),
    ("http2_ping_keepalive", int, 58, "Seconds between pings of idle HTTP/2 connections; 0 for none."),
    ("http3", bool, True, "Whether HTTP/3 is spoken."),
    ("http_connect_send_host_header", bool, True, "Whether CONNECT requests have a Host header."),
    ("ignore_hosts", _TEXTS, [], "Hosts whose connections are passed on."),
    ("key_size", int, KEY_SIZE, "Bits of the keys that are made."),
    ("listen_host", str, "", "The address that is listened on."),
    ("listen_port", Optional[int], None, "The port that is listened on."),
    ("mode", _TEXTS, ["regular"], "How clients come to the proxy."),
    ("rawtcp", bool, True, "Whether what is no HTTP is relayed as TCP."),
    ("server", bool, True, "Whether there is a proxy at all."),
    ("show_ignored_hosts", bool, False, "Whether connections that are passed on make flows."),
    ("showhost", bool, False, "Whether URLs are shown with the Host header's name."),
    ("ssl_insecure", bool, False, "Whether servers' certificates go unchecked."),
    ("ssl_verify_upstream_trusted_ca", Optional[str], None, "A file of authorities that servers' certificates are checked with."),
    ("ssl_verify_upstream_trusted_confdir", Optional[str], None, "A folder of such authorities."),
    ("tcp_hosts", _TEXTS, [], "Hosts that are relayed as TCP."),
    ("udp_hosts", _TEXTS, [], "Hosts that are relayed as UDP."),
    ("upstream_cert", bool, True, "Whether the server is asked for its certificate first."),
    ("websocket", bool, True, "Whether WebSocket is spoken."),
]


class Options(optmanager.OptManager):
    def __init__(self, **kwargs: object) -> None:
        super().__init__()
        for name, kind, default, purpose in _TABLE:
            self.add_option(name, kind, default, purpose)
        self.update(**kwargs)
