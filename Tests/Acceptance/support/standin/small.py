"""Certificates, codings, servers' names, text, logging: the small modules."""

import logging

from mitmproxy import certs, log, tls, version
from mitmproxy.net import check, encoding, server_spec
from mitmproxy.net.http import status_codes
from mitmproxy.utils import emoji, human, strutils

from pems import PEMS


def hello(*extensions, ciphers=b"\x13\x01\x13\x02"):
    body = b"".join(kind.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data for kind, data in extensions)
    tail = len(body).to_bytes(2, "big") + body if extensions else b""
    return b"\x03\x03" + b"r" * 32 + b"\x01s" + len(ciphers).to_bytes(2, "big") + ciphers + b"\x01\x00" + tail


SNI = (0, b"\x00\x0e\x00\x00\x0bexample.com")
ALPN = (16, b"\x00\x0c\x02h2\x08http/1.1")


def read(raw):
    made = tls.ClientHello(raw)
    return made.sni, made.alpn_protocols, made.cipher_suites, made.extensions, made.raw_bytes(), made.raw_bytes(False), repr(made)


def about(name):
    made = certs.Cert.from_pem(PEMS[name])
    names = [(type(one).__name__, str(one.value)) for one in made.altnames]
    fields = "issuer subject notbefore notafter serial is_ca keyinfo cn organization".split()
    other = certs.Cert.from_state(made.get_state())
    same = other == made, hash(other) == hash(made), other.to_pem() == made.to_pem()
    return repr(made), {field: getattr(made, field) for field in fields}, names, made.fingerprint().hex(), made.has_expired(), made.to_pem(), same


def formatted(level, client=None, message="hello %s", arguments=("x",), color=False):
    record = logging.LogRecord("name", level, "path", 1, message, arguments, None)
    record.created, record.msecs = 1e9, 123
    if client:
        record.client = client
    return log.MitmFormatter(color).format(record)


EXPRESSIONS = r"""
certs.Cert.from_pem(b"nope")
certs.Cert.from_pem(b"")
certs.Cert.from_pem(PEMS["ec"][:200])
certs.Cert.from_pem(PEMS["ec"].replace(b"M", b"A", 1))
certs.Cert.from_pem(b"junk\n" + PEMS["ec"] + PEMS["rsa"]).cn, certs.Cert.from_pem(PEMS["ec"].replace(b"\n", b"\r\n")).cn
(lambda c: (c.set_state(PEMS["rsa"]), c.cn))(certs.Cert.from_pem(PEMS["ec"]))
read(hello()), read(hello(SNI)), read(hello(SNI, ALPN)), read(hello((43, b"\x02\x03\x04"), ALPN)), read(hello(ciphers=b""))
read(b"")
read(hello(SNI)[:50])
encoding.decode(b"x", "nope")
encoding.decode(b"x", "gzip")
encoding.decode("x", "gzip")
encoding.decode(b"x", "deflate")
encoding.decode(b"\xff", "utf8")
encoding.encode(b"x", "utf8")
encoding.encode("x", "gzip")
encoding.encode("☃", "latin-1")
encoding.decode(encoding.encode(b"hello" * 9, "gzip")[:-9], "gzip")
encoding.decode(encoding.encode(b"hello" * 9, "deflate")[:-9], "deflate")
encoding.decode(encoding.encode(b"hello", "gzip") + b"trailing", "gzip")
encoding.decode(encoding.encode(b"hello", "gzip") * 2, "gzip")
encoding.encode(b"hello", "gzip"), encoding.encode(b"hello", "deflate"), encoding.encode(b"hello", "deflateraw"), encoding.encode(b"", "gzip"), encoding.encode("ä", "latin-1"), encoding.encode(b"x", "none")
[encoding.decode(b"", coding) for coding in ("gzip", "deflate", "br", "zstd", "identity", "none")], encoding.decode(None, "gzip"), encoding.encode(None, "gzip")
encoding.decode(encoding.encode(b"hello", "br"), "br"), encoding.decode(encoding.encode(b"hello", "zstd"), "zstd"), encoding.decode(encoding.encode(b"hello", "GZIP"), "Gzip")
encoding.decode(b"x", "br")
encoding.decode(b"x", "zstd")
encoding.decode(b"\xcbH\xcd\xc9\xc9\x07\x00", "deflate"), encoding.decode(b"ab", "latin-1"), encoding.decode(b"6162", "hex"), encoding.decode(b"\xffa", "ascii", "replace")
encoding.decode(b"x", "rot13")
encoding.decode("x", "utf8")
[server_spec.parse(text, "https") for text in ("https://a:5", "a", "http://a", "dns://a", "[::1]:5", "http3://a", "quic://a", "tcp://a:1", "a/", "udp://1.2.3.4:5", "tls://a:9")]
server_spec.parse("a", "nope")
server_spec.parse("foo://a", "https")
server_spec.parse("tcp://a", "https")
server_spec.parse("a:99999", "https")
server_spec.parse("", "https")
server_spec.parse("https://a/b", "https")
server_spec.parse("a b", "https")
server_spec.parse("::1", "https")
[(host, check.is_valid_host(host)) for host in ("a", "a.b", "", "a b", "-a", "a-", "a_b", "_dmarc.a", "a..b", "a.", ".", "1.2.3.4", "::1", "[::1]", "☃.com", "a" * 64, "a." * 130, "a:b", "a/b", "xn--n3h", "*.a", "%41", "a\n")]
[(host, check.is_valid_host(host)) for host in (b"a", b"\xff", b"::1", b"xn--n3h", b"a_b", b"", b"xn--\xff")]
[check.is_valid_port(port) for port in (-1, 0, 1, 65535, 65536)]
[strutils.bytes_to_escaped_str(data, spacing, quotes) for data in (b"", b"abc", bytes(range(256)), b"a\x00\n'\"\\\xff\r\t", b"\\n", b"\\\\'", b"it's \\' \\\\n") for spacing in (False, True) for quotes in (False, True)]
strutils.bytes_to_escaped_str("a")
[strutils.escaped_str_to_bytes(text) for text in ("", "abc", "a\\x00\\n\\'", "\\\\n", "ä")]
strutils.escaped_str_to_bytes("\\x0")
strutils.escaped_str_to_bytes(b"a")
[strutils.escape_control_characters(text, spacing) for text in ("", "a\x00\n\tb\x7f\r\x1b", "ä\x80") for spacing in (False, True)]
strutils.escape_control_characters(b"a")
strutils.always_str(b"x"), strutils.always_bytes("x"), strutils.always_str(None), strutils.always_bytes(None), strutils.always_bytes("ä", "latin-1"), strutils.always_str(b"\xff", "utf8", "replace")
strutils.always_str(5)
strutils.always_bytes(5)
[strutils.is_mostly_bin(data) for data in (b"", b"\x00" * 50 + b"a", "☃".encode() * 40, b"text" * 50, b"a" * 70 + b"\x00" * 30, b"a" * 69 + b"\x00" * 31, b"a" * 100 + b"\x00" * 100, "ä".encode() * 60, b"a" * 99 + "ä".encode(), b"\xff")]
[strutils.is_xml(data) for data in (b" \n<a", b"a", b"", b"<", b"   ", b"\x00<")], [strutils.clean_hanging_newline(text) for text in ("a\n\n", "", "a", "\n")]
[list(strutils.hexdump(data)) for data in (b"", b"a", b"hello world, this is\x00", bytes(range(256)))]
strutils.split_special_areas('a "b" c "d"', [r'"[\s\S]*?"']), strutils.escape_special_areas('a;"b;c"', [r'"[\s\S]*?"'], ";"), strutils.unescape_special_areas(strutils.escape_special_areas('a;"b;c"', [r'"[\s\S]*?"'], ";"))
[human.pretty_size(size) for size in (0, 1, 100, 1023, 1024, 1500, 10240, 102300, 102399, 104857, 10**6, 1048575, 10**7, 10**8, 10**9, 10**10, 10**12, 10**15, 10**18, -5)]
human.parse_size("10"), human.parse_size("1k"), human.parse_size("2m"), human.parse_size("3g"), human.parse_size("1b"), human.parse_size("3t"), human.parse_size(None), human.parse_size("-1")
human.parse_size("x")
human.parse_size("1.5k")
human.parse_size("1K")
human.parse_size("")
[human.pretty_duration(value) for value in (None, 0, 0.00001, 0.0012, 0.01, 0.5, 0.9999, 1, 1.234, 9.99, 9.999, 12.3, 99.9, 99.99, 100, 1000.5, -1)]
human.format_timestamp(1e9), human.format_timestamp_with_milli(1e9 + 0.1234), human.format_timestamp(0), human.format_timestamp_with_milli(1e9)
[human.format_address(address) for address in (None, ("a", 1), ("::1", 5), ("::", 5, 0, 0), ("0.0.0.0", 5), ("", 5), ("::ffff:1.2.3.4", 5), ("1.2.3.4", 80), ("fe80::1", 5, 0, 2))]
log.LogEntry("a", "info"), log.LogEntry(5, "x").msg, log.LogEntry("a", "info") == log.LogEntry("a", "info"), log.LogEntry("a", "info") == 5, log.ALERT, log.LogLevels, log.LOGGING_LEVELS_TO_LOGENTRY, logging.getLevelName(log.ALERT)
[log.log_tier(level) for level in ("error", "warn", "info", "alert", "debug", "nope")]
[formatted(level, color=color) for level in (10, 20, 21, 30, 40) for color in (False, True)], formatted(20, ("127.0.0.1", 5)), formatted(20, ("127.0.0.1", 5), color=True), formatted(40, message="%d", arguments=(5,))
sorted(status_codes.RESPONSES.items()), sorted((name, value) for name, value in vars(status_codes).items() if isinstance(value, int))
version.VERSION, version.FLOW_FORMAT_VERSION, version.MITMPROXY
[emoji.emoji[name] for name in (":bomb:", ":+1:", ":grapes:", ":100:", ":warning:", ":heart:", ":default:" if ":default:" in emoji.emoji else ":x:")], ":nope:" in emoji.emoji, "bomb" in emoji.emoji
"""


def cases():
    for name in PEMS:
        yield f"certificate {name}", lambda name=name: about(name)
    raw = hello(SNI, ALPN)
    for length in range(len(raw)):
        yield f"the first {length} octets of a hello", lambda length=length: read(raw[:length])
