"""DNS over UDP and TCP: modes dns and reverse:dns."""

import os
import random
import socket
import struct
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from support.datagrams import client
from support.flow_files import states
from support.names import NameServer, Stream, answering, ask, texts
from support.proxy import BINARY, eventually, free_port, run_to_end

EVENTS = ["client_connected", "next_layer", "dns_request", "server_connect", "server_connected", "dns_response", "dns_error", "server_connect_error"]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="files of its own in place of the system's need root")
TRANSPORTS = pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])


@pytest.fixture
def server():
    made = []

    def make(answer=answering("A 192.0.2.1"), **options) -> NameServer:
        made.append(NameServer(answer, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def named(weir):
    """`named(server, …)` is a proxy with `reverse:dns` in front of the server; its `port` is that of DNS."""

    def make(server, *arguments, host: str = "", **options):
        port = free_port()
        proxy = weir(*arguments, modes=[f"reverse:dns://{server.authority}@{host}{port}"], ports=[port], **options)
        proxy.wait_log("listening at")
        proxy.port = port
        return proxy

    return make


@pytest.fixture
def resolving(weir):
    """`resolving(servers, …)` is a proxy in mode `dns` that asks these servers."""

    def make(servers, *arguments, **options):
        port = free_port()
        chosen = [word for server in servers for word in ("--set", f"dns_name_servers={server.authority}")]
        proxy = weir(*chosen, *arguments, modes=[f"dns@{port}"], ports=[port], **options)
        proxy.wait_log("listening at")
        proxy.port = port
        return proxy

    return make


def dig(port: int, *words: str) -> str:
    command = ["dig", "@127.0.0.1", "-p", str(port), "+tries=1", "+time=8", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout


# Asked and answered


@TRANSPORTS
def test_dig_gets_the_servers_answer(named, server, tcp):
    names = server(answering("A 192.0.2.1", "A 192.0.2.2"))
    proxy = named(names)
    said = dig(proxy.port, "example.org", "A", *(["+tcp"] if tcp else []))
    assert "status: NOERROR" in said and "192.0.2.1" in said and "192.0.2.2" in said and "WARNING" not in said.upper()
    assert [transport for transport, _, _ in names.queries] == ["tcp" if tcp else "udp"]


@TRANSPORTS
def test_dig_gets_the_answer_that_a_worker_has_edited(named, server, addon, tcp):
    code = """
@worker.on("dns_response")
def edit(message):
    response = message["params"]["flow"]["response"]
    for record in response["answers"]:
        record["data"] = {"b64": "CgoKCg=="}
        record["ttl"] = 7
    return {"flow": {"response": response}}
"""
    proxy = named(server(), addons=[addon(["dns_response"], code)])
    said = dig(proxy.port, "example.org", "A", "+noall", "+answer", *(["+tcp"] if tcp else []))
    assert said.split() == ["example.org.", "7", "IN", "A", "10.10.10.10"]


@TRANSPORTS
def test_a_worker_answers_without_the_server(named, server, addon, tcp):
    code = """
@worker.on("dns_request")
def answer(message):
    name = message["params"]["flow"]["request"]["questions"][0]["name"]
    return {"flow": {"response": {"recursion_available": True, "answers": [{"name": name, "type": 1, "class_": 1, "ttl": 60, "data": {"b64": "fwAACQ=="}}]}}}
"""
    names, worker = server(), addon(EVENTS, code)
    proxy = named(names, addons=[worker])
    said = dig(proxy.port, "example.org", "A", *(["+tcp"] if tcp else []))
    assert "127.0.0.9" in said and "WARNING" not in said.upper() and "status: NOERROR" in said and " rd" in said
    assert names.queries == []
    assert worker.events() == ["client_connected", "dns_request", "dns_response"]


def test_the_events_and_their_states(named, server, addon):
    worker = addon(EVENTS)
    proxy = named(server(), addons=[worker])
    ask(proxy.port, "Example.org")
    ask(proxy.port, "example.org", "AAAA", tcp=True)
    expected = ["client_connected", "dns_request", "server_connect", "server_connected", "dns_response"]
    assert worker.events() == expected * 2
    first, second = [message["params"]["flow"] for message in worker.messages("dns_response")]
    assert first["type"] == "dns" and first["request"]["questions"] == [{"name": "Example.org", "type": 1, "class_": 1}]
    assert first["request"]["query"] is True and first["response"]["query"] is False
    assert first["response"]["id"] == first["request"]["id"] and first["response"]["timestamp"] >= first["request"]["timestamp"]
    assert [record["data"] for record in first["response"]["answers"]] == [{"b64": "wAACAQ=="}]
    for flow, transport in ((first, "udp"), (second, "tcp")):
        assert flow["client_conn"]["transport_protocol"] == flow["server_conn"]["transport_protocol"] == transport


def test_a_worker_changes_the_question_that_the_server_is_asked(named, server, addon):
    code = """
@worker.on("dns_request")
def edit(message):
    request = message["params"]["flow"]["request"]
    request["questions"][0]["name"] = "b\\u00fccher.example"
    return {"flow": {"request": request}}
"""
    names = server()
    proxy = named(names, addons=[addon(["dns_request"], code)])
    query = dns.message.make_query("example.org", "A")
    with client(proxy.port) as sock:
        sock.send(query.to_wire())
        answer = dns.message.from_wire(sock.recv(65536))
    assert answer.id == query.id
    assert names.queries[0][1].question[0].name.to_text() == "xn--bcher-kva.example."


def test_an_answer_of_null_is_sent_to_nobody(named, server, addon):
    code = """
@worker.on("dns_response")
def drop(message):
    if "secret" in message["params"]["flow"]["request"]["questions"][0]["name"]:
        return {"flow": {"response": None}}
"""
    proxy = named(server(), addons=[addon(["dns_response"], code)])
    with client(proxy.port) as sock:
        sock.send(dns.message.make_query("secret.example", "A").to_wire())
        second = dns.message.make_query("other.example", "A")
        sock.send(second.to_wire())
        assert dns.message.from_wire(sock.recv(65536)).id == second.id
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(65536)


# Failures


@TRANSPORTS
def test_a_server_that_is_silent_is_servfail_and_an_event(named, server, addon, tcp):
    worker = addon(EVENTS)
    proxy = named(server(lambda query, transport: None), "--set", "dns_timeout=0.5", addons=[worker])
    said = dig(proxy.port, "example.org", "A", *(["+tcp"] if tcp else []))
    assert "status: SERVFAIL" in said and "mismatch" not in said
    (error,) = worker.wait("dns_error")
    assert "did not answer within 0.5 seconds" in error["params"]["flow"]["error"]["msg"]


@TRANSPORTS
def test_a_server_that_is_not_there_is_servfail_at_once(weir, addon, tcp):
    port, free, worker = free_port(), free_port(), addon(EVENTS)
    weir(modes=[f"reverse:dns://127.0.0.1:{free}@{port}"], ports=[port], addons=[worker]).wait_log("listening at")
    assert ask(port, "example.org", tcp=tcp, seconds=3).rcode() == dns.rcode.SERVFAIL
    (error,) = worker.wait("dns_error")
    assert str(free) in error["params"]["flow"]["error"]["msg"] and "refused" in error["params"]["flow"]["error"]["msg"]


def test_an_error_that_a_worker_sets_is_servfail_and_a_kill_is_silence(named, server, addon):
    code = """
@worker.on("dns_request")
def refuse(message):
    name = message["params"]["flow"]["request"]["questions"][0]["name"]
    if name == "kill.example": return {"kill": True}
    if name == "error.example": return {"flow": {"error": {"msg": "not today", "timestamp": 1}}}
"""
    names, worker = server(), addon(["dns_request", "dns_error"], code)
    proxy = named(names, addons=[worker])
    with pytest.raises(dns.exception.Timeout):
        ask(proxy.port, "kill.example", seconds=0.5)
    assert ask(proxy.port, "error.example").rcode() == dns.rcode.SERVFAIL
    assert ask(proxy.port, "example.org").rcode() == dns.rcode.NOERROR
    errors = [message["params"]["flow"]["error"]["msg"] for message in worker.messages("dns_error")]
    assert errors == ["Connection killed.", "not today"] and len(names.queries) == 1


def test_a_connection_that_a_worker_refuses_is_servfail(named, server, addon):
    code = '@worker.on("server_connect")\ndef refuse(message):\n    return {"server_conn": {"error": "not there"}}\n'
    proxy = named(server(), addons=[addon(["server_connect"], code)])
    for tcp in (False, True):
        assert ask(proxy.port, "example.org", tcp=tcp).rcode() == dns.rcode.SERVFAIL


@pytest.mark.parametrize("name", ["a..b", "x" * 64, ".".join(["abcdefg"] * 40)])
def test_a_response_that_cannot_be_sent_is_servfail_and_says_why(named, server, addon, name):
    code = f"""
@worker.on("dns_response")
def spoil(message):
    response = message["params"]["flow"]["response"]
    response["answers"][0]["name"] = {name!r}
    return {{"flow": {{"response": response}}}}
"""
    worker = addon(["dns_response", "dns_error"], code)
    proxy = named(server(), addons=[worker])
    assert ask(proxy.port, "example.org").rcode() == dns.rcode.SERVFAIL
    (error,) = worker.wait("dns_error")
    assert "cannot be sent: answer 1: " in error["params"]["flow"]["error"]["msg"]


def test_a_zone_transfer_is_refused_rather_than_begun(named, server):
    names = server()
    proxy = named(names)
    with Stream(proxy.port) as stream:
        stream.send(dns.message.make_query("example.org", "AXFR"))
        assert dns.message.from_wire(stream.receive()).rcode() == dns.rcode.SERVFAIL
    proxy.wait_log("zone transfers are not passed on")
    assert names.queries == []


# Who is asked


def test_mode_dns_asks_the_next_server_when_one_fails(resolving, server):
    silent, failing, good = server(lambda query, transport: None), server(answering(rcode=2)), server()
    proxy = resolving([silent, failing, good], "--set", "dns_timeout=0.3")
    for tcp in (False, True):
        assert texts(ask(proxy.port, "example.org", tcp=tcp)) == ["A 192.0.2.1"]
    assert [len(one.queries) for one in (silent, failing, good)] == [2, 2, 2]


def test_the_last_servers_failure_is_passed_on(resolving, server):
    proxy = resolving([server(answering(rcode=5)), server(answering(rcode=4))])
    assert ask(proxy.port, "example.org").rcode() == dns.rcode.NOTIMP


def test_names_of_the_hosts_file_are_answered_from_it(resolving, server):
    names = server()
    proxy = resolving([names])
    assert texts(ask(proxy.port, "LocalHost")) == ["A 127.0.0.1"]
    assert names.queries == []
    assert texts(ask(proxy.port, "localhost", "TXT")) == ["A 192.0.2.1"] or names.queries
    without = resolving([names], "--set", "dns_use_hosts_file=false")
    assert texts(ask(without.port, "localhost")) == ["A 192.0.2.1"]


def own_files(folder, resolver: str, hosts: str, *command):
    """Runs a command to which these are /etc/resolv.conf and /etc/hosts."""
    script = ["set -e"]
    for name, text in (("resolv.conf", resolver), ("hosts", hosts)):
        (folder / name).write_text(text)
        script.append(f"mount --bind {folder / name} /etc/{name}")
    script.append('exec "$@"')
    return ["unshare", "--mount", "sh", "-c", "\n".join(script), "sh", *map(str, command)]


@AS_ROOT
def test_servers_and_hosts_are_the_systems_by_default(server, tmp_path):
    names, port = server(host="127.53.0.1", port=53), free_port()
    resolver = "nameserver 127.53.0.9\nnameserver 127.53.0.1\n"
    hosts = "10.1.2.3 printer.example Printer\nfd00::3 printer.example\n10.1.2.4 printer.example\n"
    proxy = ["--confdir", tmp_path, "--set", "dns_timeout=1", "--listen-host", "127.0.0.1", "--mode", f"dns@{port}"]
    with subprocess.Popen(own_files(tmp_path, resolver, hosts, BINARY, *proxy), stderr=subprocess.PIPE, text=True) as process:
        try:
            assert any("listening at" in line for line in process.stderr)
            assert texts(ask(port, "PRINTER.example")) == ["A 10.1.2.3", "A 10.1.2.4"]
            assert texts(ask(port, "printer.example", "AAAA", tcp=True)) == ["AAAA fd00::3"]
            assert ask(port, "printer", "AAAA").rcode() == dns.rcode.NOERROR
            assert names.queries == []
            assert texts(ask(port, "example.org")) == ["A 192.0.2.1"]
            assert len(names.queries) == 1
        finally:
            process.terminate()
    assert process.returncode == 0


@AS_ROOT
def test_without_a_server_to_ask_mode_dns_does_not_start(tmp_path):
    command = own_files(tmp_path, "search example.org\n", "", BINARY, "--confdir", tmp_path, "--mode", f"dns@{free_port()}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert done.returncode == 2 and "names no server to ask; set option dns_name_servers" in done.stderr


@TRANSPORTS
def test_the_server_of_reverse_mode_may_be_a_name(weir, server, tcp):
    names, port = server(), free_port()
    weir(modes=[f"reverse:dns://localhost:{names.port}@{port}"], ports=[port]).wait_log("listening at")
    assert texts(ask(port, "example.org", tcp=tcp)) == ["A 192.0.2.1"]


@TRANSPORTS
def test_the_proxy_does_not_ask_itself(weir, tcp):
    port = free_port()
    weir("--set", f"dns_name_servers=127.0.0.1:{port}", modes=[f"dns@{port}"], ports=[port]).wait_log("listening at")
    assert ask(port, "example.org", tcp=tcp, seconds=3).rcode() == dns.rcode.SERVFAIL


@pytest.mark.parametrize("server", ["example.org", "1.2.3", "1.2.3.4:0", "1.2.3.4:65536", "::1:x", "[1.2.3.4]:53", "1.2.3.4:53:53", ""])
def test_a_name_server_must_be_an_address(server):
    done = run_to_end("--mode", f"dns@{free_port()}", "--set", f"dns_name_servers={server}")
    assert done.returncode == 2 and "dns_name_servers" in done.stderr


def test_ids_and_ports_towards_servers_cannot_be_guessed(named, server):
    names = server()
    proxy = named(names)
    with client(proxy.port) as sock:
        for number in range(40):
            query = dns.message.make_query(f"n{number}.example", "A", id=number)
            sock.send(query.to_wire())
            assert dns.message.from_wire(sock.recv(65536)).id == number
    ids = [query.id for _, query, _ in names.queries]
    assert len(set(ids)) > 35 and len({address[1] for _, _, address in names.queries}) > 30
    differences = [later - earlier for earlier, later in zip(ids, ids[1:])]
    assert len(set(differences)) > 30


def test_answers_that_do_not_belong_to_the_query_are_passed_over(named, server):
    """Another id, another question, another class, a query, no message at all; then the answer, in other letters."""

    def answer(query, transport):
        wrong = answering("A 203.0.113.66")
        others = []
        for spoil in range(5):
            bad = wrong(query, transport)
            if spoil == 0:
                bad.id ^= 1
            elif spoil == 1:
                other = dns.message.make_query("other.example", "A", id=query.id)
                bad = wrong(other, transport)
            elif spoil == 2:
                bad = wrong(dns.message.make_query(query.question[0].name, "AAAA", id=query.id), transport)
            elif spoil == 3:
                bad.flags &= ~dns.flags.QR
            others.append(bad.to_wire() if spoil < 4 else struct.pack("!H", query.id) + b"\x80\x00 nonsense")
        good = answering("A 192.0.2.1")(dns.message.make_query("EXAMPLE.org", "A", id=query.id), transport)
        return [*others, good]

    proxy = named(server(answer))
    query = dns.message.make_query("example.org", "A")
    with client(proxy.port) as sock:
        sock.send(query.to_wire())
        assert texts(dns.message.from_wire(sock.recv(65536))) == ["A 192.0.2.1"]


def test_only_the_server_itself_is_believed(named, server):
    """An answer that is right in everything comes from another port of the same host first."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as spoofer:
        asked = threading.Event()

        def answer(query, transport):
            address = names.queries[-1][2]
            spoofer.sendto(answering("A 203.0.113.66")(query, transport).to_wire(), address)
            asked.set()
            return answering("A 192.0.2.1")(query, transport)

        names = server(answer)
        proxy = named(names)
        assert texts(ask(proxy.port, "example.org")) == ["A 192.0.2.1"] and asked.is_set()


# Messages


def random_message(random, query):
    """An answer with records of many types, made and compressed by dnspython."""
    name = query.question[0].name
    kinds = [
        *(("A", "192.0.2.7"), ("AAAA", "2001:db8::7"), ("CNAME", "alias.example.org."), ("MX", "10 mail.example.org.")),
        *(("NS", "ns.example.org."), ("SOA", "ns.example.org. root.example.org. 1 2 3 4 5"), ("PTR", "x.example.org.")),
        *(("SRV", "1 2 53 srv.example.org."), ("TXT", '"a text" "\\255\\000"'), ("NAPTR", '1 2 "u" "sip" "" r.example.org.')),
        *(("RP", "a.example.org. b.example.org."), ("CAA", '0 issue "ca.example"'), ("DNAME", "d.example.org.")),
        *(("HTTPS", "1 . alpn=h2"), ("DS", "1 8 2 " + "ab" * 32), ("TYPE65280", "\\# 3 c00c01"), ("KX", "1 kx.example.org.")),
    ]
    response = dns.message.make_response(query)
    response.flags = dns.flags.QR | random.choice([0, dns.flags.AA]) | random.choice([0, dns.flags.RA]) | random.choice([0, dns.flags.AD])
    response.set_rcode(random.choice([0, 0, 3]))
    for section in (response.answer, response.authority, response.additional):
        for kind, value in random.sample(kinds, random.randrange(4)):
            owner = random.choice([name, dns.name.from_text("other.example.org."), dns.name.from_text(r"\.dot\255.example.")])
            section.append(dns.rrset.from_text(owner, random.randrange(2**31), "IN", kind, value))
    if random.random() < 0.5:
        response.use_edns(edns=0, payload=random.choice([512, 1232, 4096]), options=[dns.edns.GenericOption(10, b"cookie!!")])
    return response


def random_query(random, number):
    labels = [random.choice([b"a", b"WWW", b"\xc3\xbc", b"x.y", b"\\", b"\x00", b"xn--bcher-kva", b"_tcp", b"-"]) for _ in range(random.randrange(5))]
    name = dns.name.Name([*labels, b"n%d" % number, b""])
    query = dns.message.make_query(name, random.choice(["A", "MX", "ANY", "TYPE999"]), random.choice(["IN", "CH"]))
    if random.random() < 0.5:
        query.use_edns(edns=0, payload=4096, options=[dns.edns.ECSOption("192.0.2.0", 24)])
    return query


@TRANSPORTS
@pytest.mark.parametrize("edited", [False, True], ids=["untouched", "rewritten"])
@pytest.mark.seconds(90)
def test_random_messages_arrive_as_they_were_sent(named, server, addon, tcp, edited):
    """Untouched messages arrive octet for octet; those that a worker has changed are written anew and mean the same."""
    # The reserved bits' highest is free, so that the change can be seen and taken back.
    code = """
@worker.on("dns_request")
def edit(message):
    return {"flow": {"request": {"reserved": 4 | message["params"]["flow"]["request"]["reserved"]}}}

@worker.on("dns_response")
def edit(message):
    return {"flow": {"response": {"reserved": 4 | message["params"]["flow"]["response"]["reserved"]}}}
"""
    dice, sent, asked = random.Random(4), {}, {}

    def answer(query, transport):
        response = random_message(dice, query)
        response.id = query.id
        wire = response.to_wire(max_size=65535)
        sent[query.question[0].name] = wire
        asked[query.question[0].name] = query
        return wire

    proxy = named(server(answer), addons=[addon(["dns_request", "dns_response"], code)] if edited else [])
    bit = 0x40 if edited else 0
    for number in range(150):
        query = random_query(dice, number)
        if tcp:
            with Stream(proxy.port) as stream:
                stream.send(query)
                answered = stream.receive()
        else:
            with client(proxy.port) as sock:
                sock.send(query.to_wire())
                answered = sock.recv(65536)
        name = query.question[0].name
        expected = struct.pack("!H", query.id) + sent[name][2:]
        heard = asked[name]
        heard.id = query.id
        heard.flags &= ~bit
        assert heard == query and heard.options == query.options
        if not edited:
            assert answered == expected
            continue
        assert answered[3] & bit
        got = dns.message.from_wire(answered)
        got.flags &= ~bit
        want = dns.message.from_wire(expected)
        assert got == want and got.options == want.options and got.to_text() == want.to_text()


MALFORMED = [
    (b"", None),
    (b"\x00\x01", None),
    (b"\x12\x34\x01\x00" + b"\x00" * 7, None),
    (b"\x12\x34\x81\x80\x00\x01" + b"\x00" * 6 + b"\x01a\x00\x00\x01\x00\x01", None),
    (b"\x12\x34\x01\x00\x00\x01" + b"\x00" * 6, 1),
    (b"\x12\x34\x01\x00\x00\x01" + b"\x00" * 6 + b"\x01a\x00\x00\x01\x00", 1),
    (b"\x12\x34\x01\x00\x00\x01" + b"\x00" * 6 + b"\xc0\x0c\x00\x01\x00\x01", 1),
    (b"\x12\x34\x01\x00\x00\x01" + b"\x00" * 6 + b"\xc0\x00\x00\x01\x00\x01", 1),
    (b"\x12\x34\x01\x00\x00\x01" + b"\x00" * 6 + b"\x41" + b"a" * 65 + b"\x00\x00\x01\x00\x01", 1),
    (b"\x12\x34\x01\x00\x00\x01" + b"\x00" * 6 + (b"\x3f" + b"a" * 63) * 4 + b"\x00\x00\x01\x00\x01", 1),
    (b"\x12\x34\x01\x00\x00\x01" + b"\x00" * 6 + b"\x01a\x00\x00\x01\x00\x01 and more", 1),
    (b"\x12\x34\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff" + b"\x00" * 40, 1),
    (b"\x12\x34\x28\x00" + b"\x00" * 6 + b"\x00\x01\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x09abc", 1),
]


@TRANSPORTS
@pytest.mark.parametrize("octets, code", MALFORMED)
def test_a_query_that_cannot_be_read_is_formerr_or_nothing(malformed_proxy, octets, code, tcp):
    good = dns.message.make_query("example.org", "A")
    if tcp:
        with Stream(malformed_proxy) as stream:
            stream.send(octets)
            answer = stream.receive()
            if code is None:
                assert answer is None
                return
            stream.send(good)
            assert dns.message.from_wire(stream.receive()).id == good.id
    else:
        with client(malformed_proxy) as sock:
            sock.send(octets)
            sock.send(good.to_wire())
            first = sock.recv(65536)
            if code is None:
                assert dns.message.from_wire(first).id == good.id
                return
            answer = first if first[:2] == b"\x12\x34" else sock.recv(65536)
    assert answer[:2] == octets[:2] and len(answer) == 12
    assert answer[2] & 0x80 and answer[3] & 15 == code and answer[2] & 0x78 == octets[2] & 0x78


@pytest.fixture(scope="module")
def malformed_proxy(module_weir):
    names, port = NameServer(answering("A 192.0.2.1")), free_port()
    module_weir(modes=[f"reverse:dns://{names.authority}@{port}"], ports=[port]).wait_log("listening at")
    yield port
    names.stop()


def test_garbage_costs_nothing_but_itself(malformed_proxy):
    dice = random.Random(9)
    good = dns.message.make_query("example.org", "A")
    with client(malformed_proxy) as sock:
        for number in range(2000):
            octets = bytearray(random_query(dice, number).to_wire())
            for _ in range(dice.randrange(1, 6)):
                octets[dice.randrange(len(octets))] = dice.choice([0, 1, 0x3F, 0x40, 0xC0, 0xFF, dice.randrange(256)])
            octets[2] |= 0x80 if dice.random() < 0.2 else 0
            sock.send(octets[: dice.randrange(len(octets) + 1)])

        def answered():
            sock.send(good.to_wire())
            sock.settimeout(0.2)
            try:
                return any(sock.recv(65536)[:2] == good.to_wire()[:2] for _ in range(4000))
            except TimeoutError:
                return False

        eventually(answered, 10, "an answer")


def large(count):
    def answer(query, transport):
        response = dns.message.make_response(query)
        response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", *(f"192.0.2.{n}" for n in range(count))))
        if transport == "udp":
            octets = response.to_wire(max_size=65535)
            offered = query.payload if query.edns >= 0 else 512
            if len(octets) > offered:
                response.answer.clear()
                response.flags |= dns.flags.TC
        return response

    return answer


def test_a_truncated_answer_is_passed_on_and_asked_for_again_over_tcp(named, server):
    names = server(large(100))
    proxy = named(names)
    assert ask(proxy.port, "example.org").flags & dns.flags.TC
    assert len(texts(ask(proxy.port, "example.org", tcp=True))) == 100
    assert len(texts(ask(proxy.port, "example.org", use_edns=0, payload=4096))) == 100
    assert "Truncated, retrying in TCP mode" in dig(proxy.port, "example.org", "A", "+noedns")


@pytest.mark.parametrize("payload, fits", [(None, False), (512, False), (1232, False), (4096, True)])
def test_an_answer_that_workers_have_made_too_long_is_truncated(named, server, addon, payload, fits):
    code = """
@worker.on("dns_response")
def grow(message):
    response = message["params"]["flow"]["response"]
    response["answers"] *= 100
    return {"flow": {"response": response}}
"""
    proxy = named(server(), addons=[addon(["dns_response"], code)])
    options = {"use_edns": 0, "payload": payload} if payload else {}
    query = dns.message.make_query("example.org", "A", **options)
    with client(proxy.port) as sock:
        sock.send(query.to_wire())
        octets = sock.recv(65536)
    assert len(octets) <= (payload or 512) if not fits else len(octets) > 1232
    assert bool(octets[2] & 2) == (not fits)
    with Stream(proxy.port) as stream:
        stream.send(query)
        octets = stream.receive()
        assert not octets[2] & 2 and struct.unpack("!H", octets[6:8])[0] == 100


# Many at a time


@pytest.mark.seconds(90)
def test_a_thousand_queries_of_which_some_are_held(named, server, addon):
    code = """
@worker.on("dns_request")
def hold(message):
    if message["params"]["flow"]["request"]["questions"][0]["name"].startswith("held"):
        while not os.path.exists(sys.argv[0] + ".go"):
            time.sleep(0.01)
"""
    worker = addon([{"name": "dns_request", "filter": "~u held", "timeout_ms": 60000}], code, threads=True)
    names = server()
    proxy = named(names, addons=[worker])
    held = ThreadPoolExecutor(20)
    waiting = [held.submit(ask, proxy.port, f"held{number}.example", tcp=number % 2 == 0, seconds=60) for number in range(20)]
    worker.wait("dns_request", 20)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda number: ask(proxy.port, f"n{number}.example", tcp=number % 10 == 0), range(1000)))
    assert all(texts(answer) == ["A 192.0.2.1"] for answer in answers)
    assert not any(one.done() for one in waiting)
    worker.script.with_name(worker.script.name + ".go").touch()
    assert all(texts(one.result()) == ["A 192.0.2.1"] for one in waiting)
    assert len(names.queries) == 1020


@pytest.mark.seconds(60)
def test_a_thousand_queries_at_once_from_one_socket(named, server):
    proxy = named(server())
    with client(proxy.port) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        missing = {number: dns.message.make_query(f"n{number}.example", "A", id=number).to_wire() for number in range(1000)}
        for _ in range(5):
            for wire in missing.values():
                sock.send(wire)
            sock.settimeout(1)
            try:
                while missing:
                    missing.pop(dns.message.from_wire(sock.recv(65536)).id, None)
            except TimeoutError:
                continue  # the system drops what does not fit into a socket's buffer
            break
    assert not missing


def test_queries_on_one_connection_are_answered_as_the_answers_come(named, server):
    release = threading.Event()

    def answer(query, transport):
        if query.question[0].name.to_text().startswith("slow"):
            release.wait(8)
        return answering("A 192.0.2.1")(query, transport)

    names = server(answer)
    proxy = named(names)
    with Stream(proxy.port) as stream:
        slow = dns.message.make_query("slow.example", "A")
        quick = [dns.message.make_query(f"quick{number}.example", "A") for number in range(200)]
        stream.send(slow, *quick)
        answered = [dns.message.from_wire(stream.receive()).id for _ in quick]
        assert sorted(answered) == sorted(query.id for query in quick)
        release.set()
        assert dns.message.from_wire(stream.receive()).id == slow.id
    assert names.connections <= 201


def test_queries_one_after_the_other_share_a_connection_to_the_server(named, server):
    names = server()
    proxy = named(names)
    with Stream(proxy.port) as stream:
        for number in range(10):
            stream.send(dns.message.make_query(f"n{number}.example", "A"))
            stream.receive()
        stream.socket.shutdown(socket.SHUT_WR)
        assert stream.receive() is None
    assert names.connections == 1


def test_a_client_that_has_said_all_gets_its_answers(named, server):
    proxy = named(server())
    with Stream(proxy.port) as stream:
        stream.send(*(dns.message.make_query(f"n{number}.example", "A") for number in range(3)))
        stream.socket.shutdown(socket.SHUT_WR)
        assert all(stream.receive() for _ in range(3)) and stream.receive() is None


def test_a_query_that_is_repeated_while_it_waits_is_asked_once(named, server):
    release = threading.Event()

    def answer(query, transport):
        release.wait(8)
        return answering("A 192.0.2.1")(query, transport)

    names = server(answer)
    proxy = named(names)
    with client(proxy.port) as sock:
        wire = dns.message.make_query("example.org", "A").to_wire()
        for _ in range(3):
            sock.send(wire)
        eventually(lambda: names.queries, 5, "the query")
        release.set()
        assert sock.recv(65536)
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(65536)
    assert len(names.queries) == 1


def test_too_many_queries_at_a_time_are_servfail(named, server):
    release = threading.Event()

    def answer(query, transport):
        release.wait(8)
        return answering("A 192.0.2.1")(query, transport)

    names = server(answer)
    proxy = named(names, "--set", "dns_queries=1")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, proxy.port, "first.example")
        eventually(lambda: names.queries, 5, "the query")
        for tcp in (False, True):
            assert ask(proxy.port, "second.example", tcp=tcp).rcode() == dns.rcode.SERVFAIL
        release.set()
        assert texts(first.result()) == ["A 192.0.2.1"]
    assert texts(ask(proxy.port, "third.example")) == ["A 192.0.2.1"]


# Flows


def test_a_client_is_disconnected_when_it_has_been_silent(named, server, addon):
    worker = addon(["client_connected", "client_disconnected", "server_disconnected"])
    proxy = named(server(), "--set", "udp_timeout=1", addons=[worker])
    with client(proxy.port) as sock:
        for _ in range(3):
            sock.send(dns.message.make_query("example.org", "A").to_wire())
            sock.recv(65536)
        worker.wait("client_disconnected")
    assert len(worker.messages("client_connected")) == 1 and len(worker.messages("server_disconnected")) == 3


@TRANSPORTS
def test_ipv6(named, server, tcp):
    proxy = named(server(host="::1"), host="[::1]:")
    assert texts(ask(proxy.port, "example.org", tcp=tcp, host="::1")) == ["A 192.0.2.1"]


def test_flows_are_listed_printed_and_written_for_mitmproxy(caller, server, tmp_path):
    names, path, port = server(answering("A 192.0.2.1", "MX 10 mail.example.org.")), tmp_path / "flows.mitm", free_port()
    proxy, worker = caller("-w", str(path), modes=[f"reverse:dns://{names.authority}@{port}", "regular"])
    ask(port, "b\u00fccher.example")
    ask(port, "second.example", "TXT", tcp=True)
    listed = eventually(lambda: found if len(found := worker.call("flow.list", filter="~dns & ~s")["result"]["flows"]) == 2 else None)
    assert [flow["request"]["questions"][0]["name"] for flow in listed] == ["b\u00fccher.example", "second.example"]
    proxy.stop()
    assert "DNS QUERY (A) b\u00fccher.example\n" in proxy.printed and "<< 192.0.2.1, " in proxy.printed
    assert "DNS QUERY (TXT) second.example\n" in proxy.printed
    found = states(path)
    assert [state["id"] for state in found] == [flow["id"] for flow in listed]
    assert [len(state["response"]["answers"]) for state in found] == [2, 2]
    assert found[0]["response"]["answers"][1]["data"] == {"bytes": b"\x00\x0a\x04mail\x07example\x03org\x00".hex()}


def test_an_intercepted_query_waits_until_it_is_resumed_or_killed(caller, server):
    names, port = server(), free_port()
    proxy, worker = caller("--set", "intercept=~u held & ~q", modes=[f"reverse:dns://{names.authority}@{port}", "regular"])
    assert texts(ask(port, "free.example")) == ["A 192.0.2.1"]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, port, "held.example")
        flow = eventually(lambda: worker.call("flow.list", filter="~u held")["result"]["flows"])[0]
        assert flow["intercepted"] and len(names.queries) == 1
        worker.call("flow.resume", id=flow["id"])
        assert texts(first.result()) == ["A 192.0.2.1"]
        second = pool.submit(ask, port, "held2.example", seconds=1)
        flow = eventually(lambda: worker.call("flow.list", filter="~u held2")["result"]["flows"])[0]
        worker.call("flow.kill", id=flow["id"])
        with pytest.raises(dns.exception.Timeout):
            second.result()
    assert len(names.queries) == 2


def test_a_client_that_leaves_takes_its_queries_with_it(named, server, addon):
    worker, names = addon(["dns_error"]), server(lambda query, transport: None)
    proxy = named(names, addons=[worker])
    with Stream(proxy.port) as stream:
        stream.send(dns.message.make_query("example.org", "A"))
        eventually(lambda: names.queries)
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    (error,) = worker.wait("dns_error")
    assert "closed" in error["params"]["flow"]["error"]["msg"]
