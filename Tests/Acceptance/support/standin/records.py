"""DNS: messages on the wire and back, records, names."""

import ipaddress
import random

from flows import dns_flow, dns_query

from mitmproxy import dns
from mitmproxy.net.dns import classes, domain_names, https_records, op_codes, response_codes, types

R = dns.ResourceRecord
V4, V6 = ipaddress.ip_address("1.2.3.4"), ipaddress.ip_address("::1")


def https(**params):
    return R.HTTPS("a", https_records.HTTPSRecord(1, "a.b", {1: b"\x02h2", **{int(key[1:]): value for key, value in params.items()}}))


def set_(made, name, value):
    setattr(made, name, value)
    return made, getattr(made, name)


def packed(**members):
    made = dns_query()
    for name, value in members.items():
        setattr(made, name, value)
    return made.packed


def answer():
    """An answer with compressed names in several places."""
    head = bytes.fromhex("002a81800001000400000001")
    question = b"\x03www\x07example\x03org\x00\x00\x01\x00\x01"
    cname = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x08\x05other\xc0\x10"
    a = b"\xc0\x2d\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x01\x02\x03\x04"
    mx = b"\xc0\x10\x00\x0f\x00\x01\x00\x00\x00\x3c\x00\x04\x00\x0a\xc0\x0c"
    txt = b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x05\x00\x04\x03\xc0ab"
    opt = b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00"
    return head + question + cname + a + mx + txt + opt


EXPRESSIONS = r"""
R.A("a", V4), R.AAAA("a", V6), R.CNAME("a", "b.c"), R.PTR("a", "b.c"), R.TXT("a", "b ☃"), R.A("a", V4, ttl=5), https()
R.A("a", "1.2.3.4")
R.CNAME("a", "b..c")
str(https(_2=b"", _3=b"\x01\xbb", _4=b"\x01\x02\x03\x04", _5=b"xx", _99=b"q")), repr(https_records.unpack(https().data))
https().https_alpn, set_(https(), "https_alpn", [b"x", b"yz"]), set_(https(), "https_alpn", None), set_(https(), "https_alpn", [])
https().https_ech, set_(https(), "https_ech", "aGVsbG8="), set_(https(_5=b"x"), "https_ech", None)
R.A("a", V4).https_alpn
R.A("a", V4).ipv6_address
R.A("a", V4).domain_name
R.A("a", V4).ipv4_address, R.A("a", V4).text, R.AAAA("a", V6).ipv6_address, R.CNAME("a", "b.c").domain_name
set_(R.A("a", V4), "text", "x"), set_(R.A("a", V4), "ipv6_address", V6), set_(R.A("a", V4), "ipv4_address", V4), set_(R.A("a", V4), "domain_name", "x.y")
[str(R("a", t, 1, 5, d)) for t, d in ((1, b"xx"), (28, b"x" * 16), (28, b"x"), (5, b"\x01a\x00"), (5, b"x"), (2, b"\x01a\x00"), (15, b"\x00\x01\x01a\x00"), (12, b"\x01a\x00"), (16, b"hello"), (16, b"\x05hello"), (16, b"\xff"), (6, b"abc"), (65, b"\x00\x01\x00"), (65, b"x"), (64, b"\x00\x01\x00"), (99, b"x"), (39, b"\x01a\x00"))]
[R("a", t, c, 5, d).to_json() for t, c, d in ((1, 1, b"xx"), (28, 3, b"x" * 16), (16, 255, b"hello"), (9999, 9, b"x"))]
R("a", 1, 1, 5, b"x") == R("a", 1, 1, 5, b"x"), R("a", 1, 1, 5, b"x").get_state(), R.from_state(R.A("a", V4).get_state()), R.DEFAULT_TTL, R("a", 1, 1, 5, b"x").copy()
dns.Question("a", 1, 1), str(dns.Question("a", 1, 1)), dns.Question("a", 28, 254).to_json(), dns.Question("a", 1, 1) == dns.Question("a", 1, 1)
dns_query().packed, dns.Message.unpack(dns_query().packed), dns_flow().response.packed, dns.Message.unpack(dns_flow().response.packed)
dns.Message.unpack(answer()), dns.Message.unpack(answer()).packed, str(dns.Message.unpack(answer())), dns.Message.unpack(answer()).to_json()
dns.Message.unpack_from(b"xx" + dns_query().packed + b"yy", 2)
dns.Message.unpack(dns_query().packed + b"x")
dns.Message.unpack(b"")
[dns_query().to_json(), dns_flow().response.to_json(), dns_query().content, dns_query().size, dns_flow().response.size, dns_query().question]
dns_query().succeed([R.TXT("a", "b")]), dns_query().succeed([]), dns_query().fail(3), dns_flow().response.fail(5)
dns_query().fail(0)
dns_query().get_state(), dns.Message.from_state(dns_query().get_state()), dns_query() == dns_query(), str(dns_query())
packed(id=70000)
packed(id=-1)
packed(op_code=16)
packed(reserved=8)
packed(response_code=16)
packed(response_code=15, op_code=15, reserved=7, truncation=True, authoritative_answer=True, recursion_available=True, query=False)
packed(questions=[])
packed(questions=[dns.Question("a..b", 1, 1)])
packed(questions=[dns.Question("a" * 64, 1, 1)])
packed(answers=[R("", 1, 1, 5, b"x")]), packed(questions=[dns.Question("☃.org", 1, 1)])
packed(answers=[R("a", 1, 1, -5, b"x")])
packed(answers=[R("a", 70000, 1, 5, b"x")])
set_(dns_query(), "questions", [])[0].question, set_(dns_query(), "questions", [dns.Question("a", 1, 1)] * 2)[0].question
[domain_names.pack(n) for n in ("a.b", "", "☃.com", "A.b", "_x.y")]
domain_names.pack(".")
domain_names.pack("a.b.")
domain_names.pack("a" * 64)
domain_names.unpack(b"\x01a\x01b\x00"), domain_names.unpack(b"\x00"), domain_names.unpack_from(b"x\x01a\x00y", 1)
domain_names.unpack(b"\x01a\x00x")
domain_names.unpack(b"\x05a")
domain_names.unpack(b"")
domain_names.unpack(b"\xc0\x00")
domain_names.unpack(b"\x80a")
domain_names.unpack(b"\x40" + b"a" * 64 + b"\x00")
domain_names.unpack(b"\x01\xff\x00")
domain_names.unpack(b"\x07xn--n3h\x00")
domain_names.unpack_from_with_compression(b"\x01a\x00\x01b\xc0\x00", 3, domain_names.cache())
domain_names.unpack_from_with_compression(b"\xc0\x00", 0, domain_names.cache())
domain_names.unpack_from_with_compression(b"\xc0\x09", 0, domain_names.cache())
domain_names.unpack_from_with_compression(b"\xc0", 0, domain_names.cache())
[domain_names.record_data_can_have_compression(t) for t in range(70)]
https_records.pack(https_records.HTTPSRecord(1, "a", {3: b"x", 1: b"y"})), https_records.unpack(b"\x00\x01\x00"), https_records.HTTPSRecord(0, "", {}) == https_records.HTTPSRecord(0, "", {})
https_records.unpack(b"\x00\x01\x00\x00\x01\x00\x05x")
https_records.unpack(b"\x00\x01\x00\x00\x01")
https_records.unpack(b"")
https_records.unpack(b"\x00\x01")
list(https_records.SVCParamKeys)
[(t, types.to_str(t)) for t in range(300)], types.to_str(32768), types.AAAA, types.HTTPS
[(t, classes.to_str(t)) for t in range(300)], [(t, op_codes.to_str(t)) for t in range(20)], [(t, response_codes.to_str(t), response_codes.http_equiv_status_code(t)) for t in range(12)]
dns.types is types, dns.classes is classes, dns.op_codes is op_codes, dns.response_codes is response_codes
"""


def broken(seed):
    """A message with some octets changed, or cut off."""
    pick = random.Random(seed)
    data = bytearray(answer())
    for _ in range(pick.randrange(1, 4)):
        data[pick.randrange(len(data))] = pick.randrange(256)
    if pick.random() < 0.3:
        del data[pick.randrange(len(data)) :]
    read = dns.Message.unpack(bytes(data))
    return read, read.packed


def cases():
    for length in range(len(answer())):
        yield f"the first {length} octets of an answer", lambda length=length: dns.Message.unpack(answer()[:length])
    for seed in range(150):
        yield f"broken message {seed}", lambda seed=seed: broken(seed)
