"""What is hidden from a worker: 50 secrets in messages of every kind, and not one of them in the bytes that it is sent."""

import base64
import gzip
import itertools
import json
import re
import sys
import zlib

import pytest

from support.origin import answering, echo
from support.proxy import ROOT, eventually
from support.websocket import TEXT, frame, handshake, read_frame, speaking
from support.wire import Message

RULES = ["authorization", "proxy-authorization", "cookie", "set-cookie", "X-Secret"]
RULES += ["query:token", "json:token", "json:/deep/0/pin", "form:password"]
TABLE = (ROOT / "Protocol" / "hooks.md").read_text()
# But for the one behind which nothing more could be asked.
CALLS = [call for call in re.findall(r"^\| `(\w+\.\w+)` \|", TABLE, re.M) if call != "core.shutdown"]
EVENTS = re.findall(r"^\| `(\w+)` \| .* \| (yes|no) \| (.*) \| .* \|$", TABLE.split("## Calls")[0], re.M)
PARTS = ["requestheaders", "request", "responseheaders", "response"]
# These end what the others are asked about.
LAST = ["flow.kill", "flow.replay", "flow.revert"]
NOTE = """
@worker.on("request", "response")
def note(message):
    headers = dict(message["params"]["flow"]["request"]["headers"])
    worker.notify("log", level="info", msg=f"the cookie is {headers.get('Cookie')}")
    return {"flow": {"metadata": {"cookie": headers.get("Cookie")}, "comment": f"cookie {headers.get('Cookie')}"}}
"""


class Secrets:
    """Texts that stand nowhere else, each in one place."""

    def __init__(self):
        self.values, self.numbers = [], itertools.count(1)

    def __call__(self) -> str:
        self.values.append(f"S3CR3T{next(self.numbers):02d}x{'qzk' * 3}")
        return self.values[-1]

    def number(self) -> int:
        self.values.append(f"48151623{next(self.numbers):04d}")
        return int(self.values[-1])


def wishes(parts: bool) -> list[dict]:
    """Every event, and each in every content mode that it may have; in `parts` as well."""
    found = []
    for name, waits, params in EVENTS:
        modes = ["none", "whole", "decoded"] if "`flow`" in params else ["none"]
        found += [{"name": name, "content": mode} for mode in modes]
        if parts and name in PARTS:
            found += [{"name": name, "content": "stream"}, {"name": name, "content": {"preview": 100}}]
            found += [{"name": name, "content": "stream", "decode": True}, {"name": name, "content": "whole", "observe": True}]
    return found


def spied(tmp_path, rules: list[str], *wanted: str):
    """The record, the worker as `--addon` takes it, and what is hidden from it."""
    record = tmp_path / "bytes"
    script = ROOT / "Tests/Acceptance/support/spy.py"
    calls = [call for call in CALLS if call not in LAST] + LAST
    words = [sys.executable, str(script), str(record), json.dumps(wishes(parts=rules != ["none"])), json.dumps(calls), *wanted]
    hidden = [part for rule in rules for part in ("--set", f"addons.spy.hide={rule}")]
    level = "trusted" if rules == ["none"] else "confined"
    rights = ["--set", f"addons.spy.level={level}", "--set", f"addons.spy.write={tmp_path}", "--set", "addons.spy.permissions=all"]
    return record, "exec:" + " ".join(f"'{word}'" for word in words), [*rights, *hidden]


def forms(secret: str) -> list[bytes]:
    """The secret, and what is in it wherever it stands in base 64, in hexadecimal digits, backwards."""
    raw = secret.encode()
    coded = [base64.b64encode(b"\0" * skip + raw)[skip and skip + 1 :].rstrip(b"=")[:-2] for skip in range(3)]
    return [raw, raw[::-1], raw.hex().encode(), *coded]


def texts(record: bytes) -> list[bytes]:
    """All that was sent, and what is in it in base 64, with content codings taken off."""
    found = [record]
    for coded in re.findall(rb'"b64":"([^"]*)"', record):
        data = base64.b64decode(coded)
        found.append(data)
        for wbits in (31, 15, -15):
            try:
                found.append(zlib.decompress(data, wbits))
            except zlib.error:
                pass
    return found


def chunked(*pieces: bytes, trailer: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailer + b"\r\n\r\n"


class Traffic:
    """Messages with secrets: what is sent, and what the other side has to get."""

    def __init__(self, secret: Secrets):
        self.secret = secret
        self.requests, self.answers = {}, {}
        s = secret
        body = {"token": s(), "list": [{"Token": "open", "token": s()}], "deep": [{"pin": s.number()}, {"token": [s(), {"a": s()}]}]}
        self.add("/json", json.dumps(body, indent=1).encode(), ["Content-Type: application/json"], self.json_body())
        form = f"user=u&password={s()}&x=1&pass%77ord={s()}".encode()
        self.add("/form", form, ["Content-Type: application/x-www-form-urlencoded"], b"ok")
        self.add("/gzip", gzip.compress(self.json_body()), ["Content-Encoding: gzip", "Content-Type: application/json"], gzip.compress(self.json_body()), ["Content-Encoding: gzip"])
        self.add("/broken", f'{{"token":"{s()}"'.encode(), [], f'[1,{{"token":"{s()}'.encode())
        self.add("/events", b"", [], f'data: {{"token":"{s()}"}}\n\n'.encode(), ["Content-Type: text/event-stream"])
        self.add("/parts", f'--b\r\nname="password"\r\n\r\n{s()}\r\n--b--'.encode(), ["Content-Type: multipart/form-data; boundary=b"], b"ok")
        self.add("/large", b'{"pad":"' + b"x" * (1 << 21) + f'","token":"{s()}"}}'.encode(), [], b'{"token":"' + s().encode() + b"y" * (3 << 20) + b'"}')
        self.add(f"/query?a=1&token={s()}&to%6ben={s()}#token=f", b"", [f"Referer: http://h/?token={s()}", f"X-Other: /cb#token={s()}"], b"ok", [f"Location: /next?state=1&token={s()}"])

    def json_body(self) -> bytes:
        return json.dumps({"deep": [{"pin": {"digits": self.secret()}}], "token": self.secret.number(), "open": 1}).encode()

    def add(self, target: str, body: bytes, headers: list[str], answer: bytes, answer_headers: list[str] = ()) -> None:
        s = self.secret
        lines = [*headers, f"Cookie: sid={s()}", "X-Open: yes"]
        if target == "/json":
            lines += [f"Authorization: Bearer {s()}", f"cookie: other={s()}", f"x-SECRET: {s()}"]
            answer_headers = [*answer_headers, f"Set-Cookie: sid={s()}; HttpOnly", f"set-cookie: b={s()}", f"X-Secret: {s()}"]
        self.requests[target.partition("#")[0]] = (lines, body)
        framing = [] if answer_headers and "event-stream" in answer_headers[0] else [f"Content-Length: {len(answer)}"]
        self.answers[target.partition("#")[0]] = (["HTTP/1.1 200 OK", *framing, *answer_headers], answer)

    def answer(self, request: Message) -> bytes:
        target = request.target.decode()
        if target == "/finish":
            return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        if target == "/trailers":
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"a", b"b", trailer=b"X-Secret: " + self.trailers[1])
        head, body = self.answers[target]
        close = "" if any("Content-Length" in line for line in head) else "Connection: close\r\n"
        return "\r\n".join(head).encode() + f"\r\n{close}\r\n".encode() + body


def fields(message: Message) -> list[str]:
    own = ("host", "connection", "content-length", "transfer-encoding", "x-spy", "proxy-authorization")
    return [f"{name.decode()}: {value.decode()}" for name, value in message.headers if name.lower().decode() not in own]


def unchanged(body: bytes, is_edited: bool) -> object:
    """A body without what the worker adds: JSON by its value, since the worker writes it anew, everything else by its bytes."""
    if not is_edited:
        return body
    try:
        value = json.loads(gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body)
        value.pop("added", None)
        return value
    except ValueError:
        return body.removesuffix(b"&added=1")


def talk_all(proxy, server, origin, traffic, login, edits: bool) -> None:
    """Sends everything through the proxy, and looks at what arrives."""
    secret, allowed = traffic.secret, f"Proxy-Authorization: Basic {login}"
    for target, (lines, body) in traffic.requests.items():
        answer = proxy.get(server.url(target), allowed, *lines, method="POST" if body else "GET", body=body)
        got, sent = server.received[-1], traffic.answers[target]
        assert [line + "; extra=1" * (edits and line.lower().startswith("cookie:")) for line in lines] == fields(got), target
        assert got.target.decode() == target
        is_edited = edits and target in ("/json", "/form", "/gzip")
        assert unchanged(got.body, is_edited) == unchanged(body, is_edited), target
        assert [line for line in sent[0][1:] if "Content-Length" not in line] == fields(answer), target
        assert unchanged(answer.body, edits) == unchanged(sent[1], edits), target
    with proxy.connect() as wire:
        head = f"POST {server.url('/trailers')} HTTP/1.1\r\nHost: h\r\n{allowed}\r\nTransfer-Encoding: chunked\r\n\r\n"
        wire.send(head.encode() + chunked(b"c", trailer=b"X-Secret: " + traffic.trailers[0]))
        answer = wire.response()
    assert (server.received[-1].trailers, answer.trailers) == ([(b"X-Secret", traffic.trailers[0])], [(b"X-Secret", traffic.trailers[1])])

    token, cookie, baked, whole, back, broken, raw = (secret() for _ in range(7))

    def chat(wire) -> None:
        assert json.loads(read_frame(wire).payload)["token"] == whole
        wire.send(frame(TEXT, json.dumps({"token": back}).encode()))
        assert read_frame(wire).payload == f'{{"token": "{broken}'.encode()

    sockets = origin(speaking(chat, f"Set-Cookie: {baked}"))
    with proxy.connect() as wire:
        answer = handshake(wire, sockets.authority, sockets.url(f"/chat?token={token}"), allowed, f"Cookie: {cookie}")
        assert answer.one("set-cookie").decode() == baked
        wire.send(frame(TEXT, json.dumps({"token": whole}).encode(), mask=b"abcd"))
        assert json.loads(read_frame(wire).payload)["token"] == back
        wire.send(frame(TEXT, f'{{"token": "{broken}'.encode(), mask=b"abcd"))
        eventually(lambda: wire.sock.recv(1) != b"x", what="the end of the chat")
    shaken = sockets.received[0]
    assert (shaken.target.decode(), shaken.one("cookie").decode()) == (f"/chat?token={token}", cookie + "; extra=1" * edits)
    with proxy.connect() as wire:
        pipe = origin(echo).authority
        wire.send(f"CONNECT {pipe} HTTP/1.1\r\nHost: {pipe}\r\n{allowed}\r\n\r\n".encode())
        assert wire.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        wire.send(raw.encode() + b"\r\n")
        assert wire.exactly(len(raw)) == raw.encode()
    assert proxy.get(server.url("/finish"), allowed).status == 200


@pytest.fixture
def overheard(weir, origin, addon, tmp_path):
    """`overheard(rules, wishes)` is everything that a worker was sent while all that is secret passed, and those secrets."""

    def run(rules: list[str], *wanted: str) -> tuple[bytes, list[str]]:
        secret = Secrets()
        traffic = Traffic(secret)
        traffic.trailers = (secret().encode(), secret().encode())
        password, passphrase = secret(), secret()
        login = base64.b64encode(f"user:{password}".encode()).decode()
        secret.values.append(login)
        server = origin(answering(traffic.answer))
        record, spy, settings = spied(tmp_path, rules, *wanted)
        talker = addon(["request", "response"], NOTE, "talker")
        # It makes hundreds of calls at once, in the middle of an event.
        bounds = ("--set", "addon_reading_share=1", "--set", "addon_max_calls=10000", "--set", "addon_timeout=20")
        options = ("--set", f"proxyauth=user:{password}", "--set", f"cert_passphrase={passphrase}", *bounds)
        proxy = weir(*options, *settings, addons=[talker, spy])
        talk_all(proxy, server, origin, traffic, login, "edit" in wanted)
        proxy.stop()
        assert len(secret.values) >= 50
        return record.read_bytes(), secret.values

    return run


@pytest.mark.seconds(60)
@pytest.mark.parametrize("wanted", [[], ["edit"]], ids=["looks on", "edits"])
def test_no_secret_reaches_a_worker_and_all_of_them_reach_the_peers(overheard, wanted):
    sent, secrets = overheard(RULES, *wanted)
    for text in texts(sent):
        for value in secrets:
            for form in forms(value):
                at = text.find(form)
                assert at < 0, (value, text[max(0, at - 300) : at + 100])
    for method in CALLS:
        assert re.search(rb'"id":"c\d+-%s"' % re.escape(method).encode(), sent), method
    assert sent.count(b"weir-hidden-") > 100 and b'"redacted":["header:authorization"' in sent
    assert b'"refused":["log"' in sent and b'"content":"stream"' not in sent


@pytest.mark.parametrize("end", ["stream.end()", "stream.end(trailers=stream.trailers)", "stream.end(trailers=[['x-secret', '5tolen']])"])
def test_trailers_behind_a_stream_are_hidden_as_well(weir, origin, streaming, end):
    code = f"""
@streams.on("response")
def upper(stream, message):
    for piece in stream:
        stream.write(piece.upper())
    {end}
"""
    worker = streaming([{"name": "response", "content": "stream"}], code)
    server = origin(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"a", trailer=b"X-Secret: s3cret")))
    proxy = weir("--set", "addons.worker.hide=x-secret", addons=[worker])
    answer = proxy.get(server.url("/"))
    assert (answer.body, answer.trailers[0][1]) == (b"A", b"5tolen" if "5tolen" in end else b"s3cret")
    assert "s3cret" not in worker.file.read_text() and "weir-hidden-" in worker.file.read_text()


@pytest.mark.seconds(60)
def test_a_worker_from_which_nothing_is_hidden_is_sent_every_one_of_them(overheard):
    sent, secrets = overheard(["none"])
    all_texts = texts(sent)
    assert [value for value in secrets if not any(form in text for text in all_texts for form in forms(value))] == []
